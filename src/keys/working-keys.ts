import { createSecretKey, type KeyObject } from 'node:crypto';
import type { LatchkeyConfig } from '../config.js';
import type { Clock } from '../contract/clock.js';
import type { KeyVault } from './key-vault.js';

const PEPPER_BYTES = 48;
const REFRESH_BYTES = 32;
const PROOF_BYTES = 32;

/** The symmetric keys of the service, made at the first start and the same on every node. */
export class WorkingKeys {
  readonly #pepper: Buffer;
  readonly #refreshKey: KeyObject;
  readonly #proofKey: KeyObject;

  constructor(pepper: Buffer, refreshKey: KeyObject, proofKey: KeyObject) {
    this.#pepper = pepper;
    this.#refreshKey = refreshKey;
    this.#proofKey = proofKey;
  }

  /** Reads the keys, or makes those that are missing. */
  static async load(
    vault: KeyVault,
    config: Pick<LatchkeyConfig, 'refreshTokenSecret'>,
    clock: Clock,
  ): Promise<WorkingKeys> {
    const pepper = await vault.secret('pepper', 'HS384', PEPPER_BYTES, clock);
    const refresh =
      config.refreshTokenSecret === undefined
        ? await vault.secret('refresh', 'HS256', REFRESH_BYTES, clock)
        : Buffer.from(config.refreshTokenSecret);
    const proof = await vault.secret('proof', 'HS256', PROOF_BYTES, clock);
    return new WorkingKeys(pepper, createSecretKey(refresh), createSecretKey(proof));
  }

  /** What passwords are keyed with before they are hashed (48 bytes). */
  pepper(): Buffer {
    return this.#pepper;
  }

  /** Signs refresh tokens (HS256), and nothing else. */
  refreshKey(): KeyObject {
    return this.#refreshKey;
  }

  /** Makes the secrets of challenges (HMAC-SHA-256), and nothing else. */
  proofKey(): KeyObject {
    return this.#proofKey;
  }
}
