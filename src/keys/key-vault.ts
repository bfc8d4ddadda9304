import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConfigurationError } from '../config.js';
import type { Clock } from '../contract/clock.js';
import type { Database } from '../database/database.js';
import type { Write } from '../database/schema.js';
import type { KeyName, KeyWrap, WrappedKey } from './key-wrap.js';
import type { KeyPurpose, KeyRepository, KeyRow } from './key.repository.js';

const MAX_TRIES = 20;
const TRY_AGAIN_MS = 100;

/** The keys in the database, encrypted under `LATCHKEY_SECRET`. Safe with several nodes on one database. */
export class KeyVault {
  readonly #logger = new Logger('Keys');

  private constructor(
    readonly database: Database,
    readonly rows: KeyRepository,
    private readonly wrap: KeyWrap,
  ) {}

  /**
   * Checks that every key can be opened, and wraps with the newest secret what an older one wraps.
   *
   * @throws ConfigurationError naming `LATCHKEY_SECRET` when a key is there that no listed secret opens.
   */
  static async open(database: Database, rows: KeyRepository, wrap: KeyWrap): Promise<KeyVault> {
    const vault = new KeyVault(database, rows, wrap);
    const rewrapped = await vault.locked((trx) => vault.#rewrapAll(trx));
    if (rewrapped > 0) await vault.#forgetOld();
    return vault;
  }

  /** Runs a transaction that no other node's key changes can overlap. */
  locked<Result>(work: (trx: Write) => Promise<Result>): Promise<Result> {
    return this.database.transaction(async (trx) => {
      await this.database.lock(trx, 'keys');
      return work(trx);
    });
  }

  seal(name: KeyName, plain: Uint8Array): WrappedKey {
    return this.wrap.wrap(name, plain);
  }

  /** @returns undefined when another node wrapped it with a secret that is not listed here. */
  unseal(row: KeyRow): Buffer | undefined {
    return this.wrap.unwrap(row, row);
  }

  /**
   * The one secret of this purpose, made when there is none. All nodes get the same.
   *
   * @param length in bytes.
   */
  secret(
    purpose: Exclude<KeyPurpose, 'signing'>,
    algorithm: string,
    length: number,
    clock: Clock,
  ): Promise<Buffer> {
    return this.locked(async (trx) => {
      const row = await this.rows.find(trx, purpose);
      if (row !== undefined) return this.unseal(row) ?? unopened();
      const name = { id: purpose, purpose };
      const plain = randomBytes(length);
      const now = clock.now();
      await this.rows.insert(trx, {
        ...name,
        ...this.seal(name, plain),
        algorithm,
        publicJwk: null,
        createdAt: now,
        signsFrom: now,
      });
      return plain;
    });
  }

  /** @returns how many were wrapped by an older secret. */
  async #rewrapAll(trx: Write): Promise<number> {
    let rewrapped = 0;
    for (const row of await this.rows.all(trx)) {
      const plain = this.unseal(row) ?? unopened();
      if (row.wrappedBy !== this.wrap.newest) {
        await this.rows.rewrap(trx, row.id, this.seal(row, plain));
        rewrapped += 1;
      }
    }
    return rewrapped;
  }

  /** What the old secret opens must not stay in SQLite's log; another process that reads is soon done. */
  async #forgetOld(): Promise<void> {
    for (let tries = MAX_TRIES; tries > 0; tries -= 1) {
      if (await this.database.emptyLog()) return;
      await sleep(TRY_AGAIN_MS);
    }
    this.#logger.warn('keys under the old secret stay in the log of SQLite until the next sweep');
  }
}

function unopened(): never {
  throw new ConfigurationError(['LATCHKEY_SECRET does not open the keys in this database']);
}
