import type { SigningAlgorithm } from '../contract/claims.js';
import type { PublicJwk, SigningKey, VerificationKey } from './key-material.js';
import type { KeyStage } from './key-stages.js';

export type { SigningKey, VerificationKey } from './key-material.js';

/** A signing key as an operator sees it. */
export interface KeyListing {
  kid: string;
  algorithm: SigningAlgorithm;
  stage: KeyStage;
  /** null for keys of a file. */
  createdAt: Date | null;
  /** null for keys of a file. */
  signsFrom: Date | null;
}

/** What a rotation did. */
export interface KeyRotation {
  kid: string;
  /** `next`: published, signs from `signsFrom`; `current`: signs now. */
  stage: 'next' | 'current';
  signsFrom: Date;
  /** What the operator should know, such as a key that signs before every cache can know it. */
  warning?: string;
}

/** This installation's keys can't be rotated by the service. The message says why and what to do. */
export class RotationRefused extends Error {
  override readonly name = 'RotationRefused';
}

/**
 * The keys of access tokens. Everything but `findFresh` and `rotate` answers from memory, so that signing,
 * verifying and the JWKS go on while the database is away.
 */
export abstract class SigningKeys {
  /**
   * The key that signs now. The same object as long as it does.
   *
   * @throws StorageUnavailableError when there is none (`canSign`).
   */
  abstract current(): SigningKey;

  /**
   * Whether there is a key to sign with. There is none on a node whose `LATCHKEY_SECRET` does not open the keys that
   * replaced all others.
   */
  canSign(): boolean {
    return true;
  }

  /**
   * The key that a token names. Never asks the database: keys that another node has just made are seen
   * with the next re-read, for which `findFresh` waits.
   *
   * @param kid undefined for tokens without one, which only the key of HS256 verifies.
   */
  abstract find(kid: string | undefined): VerificationKey | undefined;

  /**
   * As `find`; for a kid that is unknown it waits for a re-read of the keys, of which there is at most one
   * a second however many ask. Beyond a thousand that wait, callers are told «unknown» at once.
   *
   * @throws StorageUnavailableError when the keys can't be read, so nobody can know whether there is one.
   */
  abstract findFresh(kid: string | undefined): Promise<VerificationKey | undefined>;

  /** The public keys (RFC 7517 §5). The same object until they change. */
  abstract jwks(): { keys: PublicJwk[] };

  /** The keys in the order in which they sign; none for HS256. */
  abstract list(): KeyListing[];

  /**
   * Moves to the next stage: publishes a key that signs ten minutes later, or, where one is published,
   * signs with it at once. Running nodes see it within ten seconds.
   *
   * @param options.now does both in one step.
   * @throws RotationRefused for `SIGNING_KEY_FILE` and HS256.
   */
  abstract rotate(options?: { now?: boolean }): Promise<KeyRotation>;

  /**
   * Signs with a fresh key at once and drops all others, also one that is published for later: for when a key or the
   * database has leaked. What they signed is refused, by running nodes within ten seconds, by other services once they
   * fetch the JWKS again.
   *
   * @throws RotationRefused for `SIGNING_KEY_FILE` and HS256.
   */
  abstract replaceAll(): Promise<KeyRotation>;

  /** Begins to follow what other nodes change. */
  start(): void {
    // Keys that are fixed need nothing.
  }

  /** Stops following. */
  async stop(): Promise<void> {
    // Keys that are fixed need nothing.
  }
}
