import { type BeforeApplicationShutdown, Module, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import { DiscoveryController } from './discovery.controller.js';
import { FixedSigningKeys } from './fixed-signing-keys.js';
import { wrappingSecrets } from './kept-secret.js';
import { KeyVault } from './key-vault.js';
import { KeyWrap } from './key-wrap.js';
import { KeyRepository } from './key.repository.js';
import { MetadataAdditions } from './metadata.js';
import { SigningKeys } from './signing-keys.js';
import { StoredSigningKeys } from './stored-signing-keys.js';
import { WorkingKeys } from './working-keys.js';

/**
 * Loads the signing keys that the configuration asks for, without following other nodes yet.
 *
 * @throws ConfigurationError when `SIGNING_KEY_FILE` can't be used.
 */
export async function loadSigningKeys(
  config: LatchkeyConfig,
  vault: KeyVault,
  clock: Clock,
): Promise<SigningKeys> {
  const { accessTokenAlg: algorithm, accessTokenSecret, signingKeyFile, accessTokenTtl } = config;
  if (algorithm === 'HS256') return FixedSigningKeys.fromSecret(accessTokenSecret ?? '');
  if (signingKeyFile !== undefined) return FixedSigningKeys.fromFile(signingKeyFile, algorithm);
  return StoredSigningKeys.load(vault, clock, algorithm, accessTokenTtl);
}

/** The keys, ready before the application listens, and the documents that publish them. */
@Module({
  controllers: [DiscoveryController],
  providers: [
    KeyRepository,
    MetadataAdditions,
    {
      provide: KeyVault,
      useFactory: async (config: LatchkeyConfig, database: Database, rows: KeyRepository) => {
        const kept = await database.read((db) => rows.all(db));
        const wrap = new KeyWrap(wrappingSecrets(config, kept.length === 0));
        return KeyVault.open(database, rows, wrap);
      },
      inject: [CONFIG, Database, KeyRepository],
    },
    {
      provide: WorkingKeys,
      useFactory: (vault: KeyVault, config: LatchkeyConfig, clock: Clock) =>
        WorkingKeys.load(vault, config, clock),
      inject: [KeyVault, CONFIG, Clock],
    },
    { provide: SigningKeys, useFactory: loadSigningKeys, inject: [CONFIG, KeyVault, Clock] },
  ],
  exports: [MetadataAdditions, WorkingKeys, SigningKeys],
})
export class KeysModule implements OnModuleInit, BeforeApplicationShutdown {
  constructor(private readonly keys: SigningKeys) {}

  onModuleInit(): void {
    this.keys.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.keys.stop();
  }
}
