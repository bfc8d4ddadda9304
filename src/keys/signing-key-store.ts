import { createPublicKey } from 'node:crypto';
import type { Clock } from '../contract/clock.js';
import type { Write } from '../database/schema.js';
import {
  fromPkcs8,
  makePrivateKey,
  type PairAlgorithm,
  type PublicJwk,
  publicJwk,
  publicPart,
  toPkcs8,
} from './key-material.js';
import { JWKS_MAX_AGE, nextKey, ROTATION_LEAD, type StoredKey } from './key-stages.js';
import type { KeyVault } from './key-vault.js';
import type { KeyRow } from './key.repository.js';
import type { KeyRotation } from './signing-keys.js';

/** Given the keys as they are under the lock: when a new one shall sign (ms), or undefined for none. */
export type Decision = (rows: readonly KeyRow[], now: number) => number | undefined;

/** Signing keys in the database. Every change is decided under a lock that all nodes share. */
export class SigningKeyStore {
  constructor(
    private readonly vault: KeyVault,
    private readonly clock: Clock,
    readonly algorithm: PairAlgorithm,
  ) {}

  /** In the order in which they sign. Keys that are known already are not decrypted again, but the same. */
  async read(known: readonly StoredKey[] = []): Promise<StoredKey[]> {
    const rows = await this.rows();
    return rows.map((row) => {
      const old = known.find((key) => key.jwk.kid === row.id && key.signing !== undefined);
      if (old === undefined) return this.#open(row);
      return old.signsFrom === row.signsFrom ? old : { ...old, signsFrom: row.signsFrom };
    });
  }

  rows(): Promise<KeyRow[]> {
    return this.vault.database.read((db) => this.vault.rows.signing(db));
  }

  /** Makes a key if it is still wanted once the lock is held. @returns whether it was. */
  async createIf(decide: Decision): Promise<boolean> {
    const row = await this.#draft();
    return this.vault.locked(async (trx) => {
      const rows = await this.vault.rows.signing(trx);
      const now = this.clock.now();
      const signsFrom = decide(rows, now);
      if (signsFrom !== undefined) await this.#insert(trx, row, rows, now, signsFrom);
      return signsFrom !== undefined;
    });
  }

  /** Removes keys of other algorithms that were published but have never signed, and makes the first of ours. */
  async beginAlgorithm(decide: Decision): Promise<void> {
    await this.createIf(decide);
    await this.vault.locked(async (trx) => {
      const now = this.clock.now();
      const rows = await this.vault.rows.signing(trx);
      const idle = rows.filter((row) => row.algorithm !== this.algorithm && row.signsFrom > now);
      await this.vault.rows.remove(
        trx,
        idle.map((row) => row.id),
      );
    });
  }

  /** @see SigningKeys.rotate */
  async rotate(atOnce: boolean): Promise<KeyRotation> {
    const draft = await this.#draft();
    return this.vault.locked(async (trx) => {
      const rows = await this.vault.rows.signing(trx);
      const now = this.clock.now();
      const next = nextKey(rows, this.algorithm, now);
      if (next !== undefined) {
        await this.vault.rows.signFrom(trx, next.id, now);
        return signsNow(next.id, now, now - next.createdAt);
      }
      const signsFrom = atOnce ? now : now + ROTATION_LEAD;
      await this.#insert(trx, draft, rows, now, signsFrom);
      if (atOnce) return signsNow(draft.id, now, 0);
      return { kid: draft.id, stage: 'next', signsFrom: new Date(signsFrom) };
    });
  }

  /** @see SigningKeys.replaceAll */
  async replaceAll(): Promise<KeyRotation> {
    const draft = await this.#draft();
    return this.vault.locked(async (trx) => {
      const rows = await this.vault.rows.signing(trx);
      const now = this.clock.now();
      await this.#insert(trx, draft, rows, now, now);
      await this.vault.rows.remove(
        trx,
        rows.map((row) => row.id),
      );
      return signsNow(draft.id, now, 0);
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.vault.database.write((db) => this.vault.rows.remove(db, ids));
  }

  /** Later keys are never older than earlier ones, whatever the clock does: that settles equal turns. */
  async #insert(
    trx: Write,
    draft: KeyRow,
    rows: readonly KeyRow[],
    now: number,
    signsFrom: number,
  ): Promise<void> {
    const createdAt = rows.reduce((latest, row) => Math.max(latest, row.createdAt + 1), now);
    await this.vault.rows.insert(trx, { ...draft, createdAt, signsFrom });
  }

  async #draft(): Promise<KeyRow> {
    const key = await makePrivateKey(this.algorithm);
    const jwk = publicJwk(publicPart(key), this.algorithm);
    const name = { id: jwk.kid, purpose: 'signing' };
    return {
      ...name,
      ...this.vault.seal(name, toPkcs8(key)),
      algorithm: this.algorithm,
      publicJwk: JSON.stringify(jwk),
      createdAt: 0,
      signsFrom: 0,
    };
  }

  #open(row: KeyRow): StoredKey {
    const plain = this.vault.unseal(row);
    const algorithm = row.algorithm as PairAlgorithm;
    const privateKey = plain === undefined ? undefined : fromPkcs8(plain);
    const listed = JSON.parse(row.publicJwk ?? '{}') as PublicJwk;
    const key =
      privateKey === undefined
        ? createPublicKey({ key: listed, format: 'jwk' })
        : publicPart(privateKey);
    return {
      jwk: publicJwk(key, algorithm),
      verification: { kid: row.id, algorithm, key },
      signing: privateKey === undefined ? undefined : { kid: row.id, algorithm, privateKey },
      createdAt: row.createdAt,
      signsFrom: row.signsFrom,
    };
  }
}

function signsNow(kid: string, now: number, listedFor: number): KeyRotation {
  const done: KeyRotation = { kid, stage: 'current', signsFrom: new Date(now) };
  if (listedFor >= JWKS_MAX_AGE * 1000) return done;
  const warning = `Services may keep a JWKS for ${JWKS_MAX_AGE} s: until then some may refuse tokens signed with this key`;
  return { ...done, warning };
}
