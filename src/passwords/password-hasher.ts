import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import bcrypt from 'bcrypt';
import { CONFIG, type LatchkeyConfig, threadPoolSize } from '../config.js';
import { WorkingKeys } from '../keys/working-keys.js';
import { KEYED, parseHash, type StoredHash } from './bcrypt-hash.js';
import { HashQueue, type HashQueueStats } from './hash-queue.js';

/** What a password check found. */
export interface PasswordVerdict {
  ok: boolean;
  /** A better hash of the same password, when it is right and the stored hash is plain or of another cost. */
  upgraded?: string;
}

/** Of what is longer bcrypt reads so much. */
const BCRYPT_BYTES = 72;

/** A hash of this cost (a few milliseconds) tells at the start how long the configured one will take. */
const TRIAL_COST = 6;

/**
 * Makes and checks password hashes: `$lk1$` and bcrypt over base64(HMAC-SHA-384(pepper, NFC password)).
 * The 64 characters are within bcrypt's 72 bytes, so nothing is cut; without the pepper, which is not
 * readable in the database, nobody can try passwords on a hash. See docs/decisions/0004.
 *
 * Plain `$2a$`, `$2b$` and `$2y$` hashes are over the password itself, with bcrypt's own cut at 72 bytes. A longer one
 * does not replace them: nobody can tell whether what follows is right.
 */
@Injectable()
export class PasswordHasher {
  readonly #queue: HashQueue;
  readonly #dummy: string;
  /** The highest cost met so far: from then on every refusal takes as long. */
  #slowest: number;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<LatchkeyConfig, 'bcryptCost'>,
    private readonly keys: WorkingKeys,
  ) {
    this.#queue = new HashQueue(lanes(), estimate(config.bcryptCost));
    this.#slowest = config.bcryptCost;
    this.#dummy = bcrypt.genSaltSync(config.bcryptCost) + '.'.repeat(31);
  }

  /** @throws Problem `overloaded`. */
  async hash(password: string, network?: string): Promise<string> {
    return this.#queue.run(() => this.#hash(password), network);
  }

  /**
   * Compares a password with a stored hash. A refusal takes the same time for an unknown user (null), a
   * hash that can't be read, and a hash of any cost: a cost above the configured one slows every refusal down from the first time it
   * is met.
   *
   * @param network of the request, whose share of the hashing it takes.
   * @throws Problem `overloaded`.
   */
  async verify(
    password: string,
    stored: string | null,
    network?: string,
  ): Promise<PasswordVerdict> {
    const known = stored === null ? undefined : parseHash(stored);
    return this.#queue.run(() => this.#verify(password, known), network);
  }

  /** How busy the hashing is, for metrics. */
  stats(): HashQueueStats {
    return this.#queue.stats();
  }

  async #verify(password: string, known: StoredHash | undefined): Promise<PasswordVerdict> {
    const wanted = this.config.bcryptCost;
    const right = await this.#findText(password, known);
    if (right === undefined || known === undefined) {
      await this.#passTime(password, known?.cost ?? wanted);
      return { ok: false };
    }
    if (known.keyed && known.cost === wanted) return { ok: true };
    if (!known.keyed && Buffer.byteLength(right) > BCRYPT_BYTES) return { ok: true };
    return this.#upgraded(password);
  }

  /**
   * The text that the hash is over. A plain hash may come from a service that did not normalise its passwords, so the
   * password as it was typed is tried, too. Two comparisons are made for any password that is not NFC.
   *
   * @returns undefined when the password is wrong.
   */
  async #findText(password: string, known: StoredHash | undefined): Promise<string | undefined> {
    const normal = password.normalize('NFC');
    const isPlain = known?.keyed === false;
    const hash = known?.bcrypt ?? this.#dummy;
    const text = isPlain ? normal : this.#keyed(password);
    if (await bcrypt.compare(text, hash)) return text;
    if (normal === password) return undefined;
    const isRight = await bcrypt.compare(isPlain ? password : text, hash);
    return isPlain && isRight ? password : undefined;
  }

  /** An upgrade that fails must not fail the sign-in. */
  async #upgraded(password: string): Promise<PasswordVerdict> {
    try {
      return { ok: true, upgraded: await this.#hash(password) };
    } catch {
      return { ok: true };
    }
  }

  async #hash(password: string): Promise<string> {
    return KEYED + (await bcrypt.hash(this.#keyed(password), this.config.bcryptCost));
  }

  /** After a comparison of cost c: costs c, c+1 … below the slowest, together 2^slowest - 2^c rounds. */
  async #passTime(text: string, cost: number): Promise<void> {
    this.#slowest = Math.max(this.#slowest, cost);
    for (let next = cost; next < this.#slowest; next += 1) {
      await bcrypt.hash(text, next);
    }
  }

  #keyed(password: string): string {
    return createHmac('sha384', this.keys.pepper())
      .update(password.normalize('NFC'), 'utf8')
      .digest('base64');
  }
}

/** One processor stays free for everything else, and so does one thread of libuv's pool. */
function lanes(): number {
  return Math.max(1, Math.min(availableParallelism(), threadPoolSize()) - 1);
}

/** How long a hash takes (milliseconds), from a cheap one: each step of the cost doubles it. */
function estimate(cost: number): number {
  const start = performance.now();
  bcrypt.hashSync('', TRIAL_COST);
  return (performance.now() - start) * 2 ** (cost - TRIAL_COST);
}
