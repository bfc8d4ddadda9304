import { type LatchkeyConfig, type LatchkeyOptions, resolveOptions } from '../../src/config.js';
import { Clock } from '../../src/contract/clock.js';
import { Database } from '../../src/database/database.js';
import type { DatabaseUrl } from '../../src/setting-values.js';
import { KeyRepository } from '../../src/keys/key.repository.js';
import { KeyVault } from '../../src/keys/key-vault.js';
import { KeyWrap } from '../../src/keys/key-wrap.js';
import { loadSigningKeys } from '../../src/keys/keys.module.js';
import { type SigningKeys } from '../../src/keys/signing-keys.js';
import { WorkingKeys } from '../../src/keys/working-keys.js';
import { AccessTokens } from '../../src/tokens/access-tokens.js';
import { RefreshTokens } from '../../src/tokens/refresh-tokens.js';

/** A clock that stands where the test puts it. */
export class HandClock extends Clock {
  constructor(private time = 1_800_000_000_000) {
    super();
  }

  override now(): number {
    return this.time;
  }

  move(milliseconds: number): void {
    this.time += milliseconds;
  }
}

export const SECRET = 'a secret of the tests with more than 32 bytes';

/** A node: keys and tokens over a database, without HTTP. */
export interface KeyNode {
  config: LatchkeyConfig;
  database: Database;
  working: WorkingKeys;
  signing: SigningKeys;
  access: AccessTokens;
  refresh: RefreshTokens;
}

export async function migrated(url: DatabaseUrl = { kind: 'sqlite', file: ':memory:' }) {
  const database = new Database(url);
  await database.migrate();
  return database;
}

export async function startNode(
  database: Database,
  clock: Clock,
  options: LatchkeyOptions = {},
): Promise<KeyNode> {
  const config = resolveOptions({ secret: [SECRET], ...options });
  const wrap = new KeyWrap(config.secret ?? []);
  const vault = await KeyVault.open(database, new KeyRepository(), wrap);
  const working = await WorkingKeys.load(vault, config, clock);
  const signing = await loadSigningKeys(config, vault, clock);
  return {
    config,
    database,
    working,
    signing,
    access: new AccessTokens(config, signing, clock),
    refresh: new RefreshTokens(config, working, clock),
  };
}
