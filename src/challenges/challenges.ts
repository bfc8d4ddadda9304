import { Injectable } from '@nestjs/common';
import { v7 as uuid } from 'uuid';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import type { Read, Write } from '../database/schema.js';
import { WorkingKeys } from '../keys/working-keys.js';
import { ChallengeSecrets, idIn, normalizeCode } from './challenge-secrets.js';
import { type Challenge, ChallengeRepository } from './challenge.repository.js';

/** How often a code may be tried for one challenge. */
export const MAX_ATTEMPTS = 5;
/** How long a repetition of the request that took a challenge is recognised. */
export const REPEAT_WINDOW_MS = 10 * 60_000;

const SWEEP_CHUNK = 1_000;
const MAX_SWEEP_CHUNKS = 50;

export interface NewChallenge {
  purpose: string;
  lifetimeMs: number;
  userId?: string | null;
  /** Digest of what the challenge is bound to. */
  binding?: string | null;
  /** JSON that the purpose needs to go on. Never a secret. */
  data?: unknown;
}

/** What a person or client brings back. Length and form are not judged before. */
export type Presented =
  { token: string } | { challenge: string } | { challenge: string; code: string };

/**
 * - `taken`: the effect was made, together with the taking, once;
 * - `repeated`: the same secret took it a short while ago: answer as then, without a second effect;
 * - `dead`: unknown, malformed, expired, taken, out of attempts, of another purpose. One answer for all.
 */
export type Outcome<Result> =
  { kind: 'taken'; result: Result } | { kind: 'repeated'; challenge: Challenge } | { kind: 'dead' };

/**
 * Challenges: something asked of somebody that must come back once, such as a mailed code, a pending second
 * factor or a hand-over code. Knows no purpose, no mail and no HTTP.
 *
 * It does NOT judge `binding` or the account: the effect does, inside the transaction, and throws to leave the
 * challenge open.
 */
@Injectable()
export class Challenges {
  readonly #secrets: ChallengeSecrets;

  constructor(
    private readonly database: Database,
    private readonly rows: ChallengeRepository,
    private readonly clock: Clock,
    keys: WorkingKeys,
  ) {
    this.#secrets = new ChallengeSecrets(keys.proofKey());
  }

  /** Writes one row, in the caller's transaction where there is one. */
  async open(db: Read, wanted: NewChallenge): Promise<Challenge> {
    const now = this.clock.now();
    const challenge: Challenge = {
      id: uuid({ msecs: now }),
      purpose: wanted.purpose,
      userId: wanted.userId ?? null,
      binding: wanted.binding ?? null,
      data: wanted.data ?? null,
      attempts: 0,
      createdAt: now,
      expiresAt: now + wanted.lifetimeMs,
      takenAt: null,
    };
    await this.rows.insert(db, challenge);
    return challenge;
  }

  /** For the client that asked. The same at each call. */
  challengeOf(challenge: Challenge): string {
    return this.#secrets.secretOf(challenge, 'challenge');
  }

  /** For a link. Changes when the challenge gets its account (`assign`). */
  tokenOf(challenge: Challenge): string {
    return this.#secrets.secretOf(challenge, 'token');
  }

  /** For a person to type: eight digits. Changes when the challenge gets its account (`assign`). */
  codeOf(challenge: Challenge): string {
    return this.#secrets.codeOf(challenge);
  }

  /**
   * Looks a challenge up without taking it or counting an attempt. A code is NOT judged here.
   *
   * @returns undefined unless it is open and the token or challenge is genuine.
   */
  async peek(
    purpose: string,
    presented: { token: string } | { challenge: string },
  ): Promise<Challenge | undefined> {
    const id = idOf(presented);
    if (id === undefined) return undefined;
    const found = await this.database.read((db) => this.rows.find(db, purpose, id));
    const genuine = found !== undefined && this.#isGenuine(found, presented);
    return genuine && this.#isOpen(found) ? found : undefined;
  }

  /**
   * Takes a challenge and makes its effect in one transaction: both or neither. Of any number at once, on
   * any node, one makes the effect. A code is counted, durably, before it is judged.
   *
   * @param effect awaits nothing but the database. What it throws is thrown, and leaves the challenge open.
   * @throws StorageUnavailableError
   */
  async take<Result>(
    purpose: string,
    presented: Presented,
    effect: (trx: Write, challenge: Challenge) => Promise<Result>,
  ): Promise<Outcome<Result>> {
    const found = await this.#judge(purpose, presented);
    if (found === undefined) return { kind: 'dead' };
    if (found.takenAt !== null) return this.#repeated(found);
    const done = await this.#takeWith(found, 'code' in presented, effect);
    if (done !== undefined) return { kind: 'taken', result: done.result };
    const now = await this.database.read((db) => this.rows.find(db, purpose, found.id));
    return now === undefined ? { kind: 'dead' } : this.#repeated(now);
  }

  /** @returns undefined if somebody else took it first. */
  async #takeWith<Result>(
    { purpose, ...found }: Challenge,
    wasCounted: boolean,
    effect: (trx: Write, challenge: Challenge) => Promise<Result>,
  ): Promise<{ result: Result } | undefined> {
    try {
      return await this.database.transaction(async (trx) => {
        const taken = await this.rows.take(trx, purpose, found.id, this.clock.now());
        return taken ? { result: await effect(trx, { purpose, ...found }) } : undefined;
      });
    } catch (error) {
      if (wasCounted) await this.#uncount(found.id);
      throw error;
    }
  }

  /** If this fails too, the person has one attempt less: the error that matters is the first. */
  async #uncount(id: string): Promise<void> {
    await this.database.write((db) => this.rows.uncountAttempt(db, id)).catch(() => undefined);
  }

  /** Names the account that a challenge is for, once. @returns it as it is then; undefined if it had one. */
  async assign(
    db: Read,
    challenge: Challenge,
    userId: string,
    binding: string | null,
  ): Promise<Challenge | undefined> {
    const assigned = await this.rows.assign(db, challenge.id, userId, binding);
    return assigned ? { ...challenge, userId, binding } : undefined;
  }

  /** Voids the open challenges of one purpose and account, in the caller's transaction, at most 1,000. */
  void(trx: Write, purpose: string, userId: string): Promise<number> {
    return this.rows.removeOpen(trx, purpose, userId, SWEEP_CHUNK);
  }

  /** Removes what expired and cannot be repeated any more. @returns how many rows. */
  async sweep(): Promise<number> {
    let removed = 0;
    for (let chunk = 0; chunk < MAX_SWEEP_CHUNKS; chunk += 1) {
      const before = this.clock.now() - REPEAT_WINDOW_MS;
      const some = await this.database.write((db) =>
        this.rows.removeExpired(db, before, SWEEP_CHUNK),
      );
      removed += some;
      if (some < SWEEP_CHUNK) break;
    }
    return removed;
  }

  /** @returns the row if the secrets are genuine: open, or taken within the time for repetitions. */
  async #judge(purpose: string, presented: Presented): Promise<Challenge | undefined> {
    const id = idOf(presented);
    if (id === undefined) return undefined;
    const found = await this.database.read((db) => this.rows.find(db, purpose, id));
    if (found === undefined || !this.#isGenuine(found, presented)) return undefined;
    if (!('code' in presented)) return this.#isOpen(found) || isTaken(found) ? found : undefined;
    const code = normalizeCode(presented.code);
    if (code === undefined) return undefined;
    if (isTaken(found)) return this.#secrets.matches(found, 'code', code) ? found : undefined;
    const counted = await this.database.write((db) =>
      this.rows.countAttempt(db, purpose, id, this.clock.now(), MAX_ATTEMPTS),
    );
    const row = counted ?? (await this.#takenMeanwhile(purpose, id));
    return row !== undefined && this.#secrets.matches(row, 'code', code) ? row : undefined;
  }

  async #takenMeanwhile(purpose: string, id: string): Promise<Challenge | undefined> {
    const found = await this.database.read((db) => this.rows.find(db, purpose, id));
    return found !== undefined && isTaken(found) ? found : undefined;
  }

  #isGenuine(challenge: Challenge, presented: Presented): boolean {
    return 'token' in presented
      ? this.#secrets.matches(challenge, 'token', presented.token)
      : this.#secrets.matches(challenge, 'challenge', presented.challenge);
  }

  #isOpen({ takenAt, expiresAt }: Challenge): boolean {
    return takenAt === null && expiresAt > this.clock.now();
  }

  #repeated(challenge: Challenge): Outcome<never> {
    const { takenAt } = challenge;
    const recent = takenAt !== null && this.clock.now() - takenAt <= REPEAT_WINDOW_MS;
    return recent ? { kind: 'repeated', challenge } : { kind: 'dead' };
  }
}

function isTaken({ takenAt }: Challenge): boolean {
  return takenAt !== null;
}

function idOf(presented: Presented): string | undefined {
  return idIn('token' in presented ? presented.token : presented.challenge);
}
