import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Clock } from '../contract/clock.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import type { PairAlgorithm, PublicJwk, SigningKey, VerificationKey } from './key-material.js';
import {
  arrange,
  type Arrangement,
  needsFirstKey,
  nextIsDue,
  type StoredKey,
} from './key-stages.js';
import type { KeyVault } from './key-vault.js';
import { SigningKeyStore } from './signing-key-store.js';
import { type KeyListing, type KeyRotation, RotationRefused, SigningKeys } from './signing-keys.js';

const RE_READ = 5_000;
const FRESH_READ = 1_000;
const MOST_WAITING = 1_000;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** Signing keys that live in the database, encrypted, and rotate by themselves (`docs/keys.md`). */
export class StoredSigningKeys extends SigningKeys {
  readonly #logger = new Logger('Keys');
  readonly #store: SigningKeyStore;
  /** As the database has them. */
  #stored: readonly StoredKey[] = [];
  /** As they are used. */
  #keys: readonly StoredKey[] = [];
  #arrangement: Arrangement | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #upkeep: Promise<void> | undefined;
  #lastRead = -Infinity;
  #fresh: Promise<void> | undefined;
  #waiting = 0;
  #failing = false;
  #stopped = false;
  #closedTo = '';

  private constructor(
    vault: KeyVault,
    private readonly clock: Clock,
    private readonly algorithm: PairAlgorithm,
    private readonly tokenLife: number,
  ) {
    super();
    this.#store = new SigningKeyStore(vault, clock, algorithm);
  }

  /**
   * Reads the keys, and makes one where the algorithm has none that signs.
   *
   * @param tokenLife seconds that an access token lives at most.
   */
  static async load(
    vault: KeyVault,
    clock: Clock,
    algorithm: PairAlgorithm,
    tokenLife: number,
  ): Promise<StoredSigningKeys> {
    const keys = new StoredSigningKeys(vault, clock, algorithm, tokenLife);
    if (needsFirstKey(await keys.#store.rows(), algorithm, clock.now())) {
      await keys.#store.beginAlgorithm((rows, now) =>
        needsFirstKey(rows, algorithm, now) ? now : undefined,
      );
    }
    await keys.refresh();
    return keys;
  }

  override current(): SigningKey {
    const { current } = this.#now();
    if (current !== undefined) return current;
    throw new StorageUnavailableError(new Error('There is no key that this node can sign with'));
  }

  override canSign(): boolean {
    return this.#now().current !== undefined;
  }

  override find(kid: string | undefined): VerificationKey | undefined {
    return this.#now().byKid.get(kid);
  }

  override async findFresh(kid: string | undefined): Promise<VerificationKey | undefined> {
    const known = this.find(kid);
    if (known !== undefined || kid === undefined || !THUMBPRINT.test(kid)) return known;
    if (this.#waiting >= MOST_WAITING || this.#stopped) return undefined;
    this.#waiting += 1;
    try {
      await (this.#fresh ??= this.#freshRead());
    } finally {
      this.#waiting -= 1;
    }
    return this.find(kid);
  }

  override jwks(): { keys: PublicJwk[] } {
    return this.#now().jwks;
  }

  override list(): KeyListing[] {
    return this.#now().stages.map(({ key, stage }) => ({
      kid: key.jwk.kid,
      algorithm: key.jwk.alg,
      stage,
      createdAt: new Date(key.createdAt),
      signsFrom: new Date(key.signsFrom),
    }));
  }

  override rotate(options: { now?: boolean } = {}): Promise<KeyRotation> {
    return this.#changed(() => this.#store.rotate(options.now === true));
  }

  override replaceAll(): Promise<KeyRotation> {
    return this.#changed(() => this.#store.replaceAll());
  }

  async #changed(change: () => Promise<KeyRotation>): Promise<KeyRotation> {
    if (this.#closed().length > 0) {
      throw new RotationRefused('LATCHKEY_SECRET of this node does not open all keys: restart it');
    }
    const done = await change();
    await this.#reading?.catch(() => undefined);
    await this.refresh();
    return done;
  }

  override start(): void {
    this.#timer ??= setInterval(() => void this.tick(), RE_READ).unref();
  }

  override async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.allSettled([this.#reading, this.#upkeep]);
  }

  /**
   * Re-reads the keys, publishes the next one when its time has come and deletes what has expired. What
   * goes wrong is logged, and the keys stay as they are.
   */
  tick(): Promise<void> {
    this.#upkeep ??= this.#followAndKeep().finally(() => {
      this.#upkeep = undefined;
    });
    return this.#upkeep;
  }

  /** Re-reads the keys, once for all who ask meanwhile. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #followAndKeep(): Promise<void> {
    try {
      await this.refresh();
      await this.#publishNext();
      const { expired } = this.#now();
      if (expired.length > 0) await this.#store.remove(expired);
      if (this.#failing) this.#logger.log('The signing keys can be read again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#stopped) {
        const reason = error instanceof Error ? error.message : 'unknown';
        this.#logger.warn(`The signing keys stay as they are: ${reason}`);
      }
      this.#failing = true;
    }
  }

  /** Leaves it to the others when they have a newer secret: they could not open what is made here. */
  async #publishNext(): Promise<void> {
    if (this.#closed().length > 0) return;
    const times = this.#stored.map((key) => ({ ...key, algorithm: key.jwk.alg }));
    if (nextIsDue(times, this.algorithm, this.clock.now()) === undefined) return;
    const made = await this.#store.createIf((rows, now) => nextIsDue(rows, this.algorithm, now));
    await this.refresh();
    if (made) this.#logger.log('A new signing key is published');
  }

  async #read(): Promise<void> {
    this.#lastRead = performance.now();
    const stored = await this.#store.read(this.#keys);
    if (sameKeys(stored, this.#stored)) return;
    const kept = this.#withCurrent(stored);
    this.#stored = stored;
    this.#keys = kept;
    this.#arrangement = undefined;
    this.#reportClosed();
  }

  /**
   * An older key to sign with is better than none, until one is made or the secret is there. But not one that was
   * withdrawn: it may have leaked.
   */
  #withCurrent(stored: readonly StoredKey[]): readonly StoredKey[] {
    const usable = stored.some((key) => key.signing?.algorithm === this.algorithm);
    if (usable || this.#wereReplaced(stored)) return stored;
    const kid = this.#now().current?.kid;
    return [...this.#keys.filter((key) => key.jwk.kid === kid), ...stored];
  }

  /** Whether none of the keys is there any more. They go one by one but for `replaceAll`. */
  #wereReplaced(stored: readonly StoredKey[]): boolean {
    const kids = new Set(stored.map((key) => key.jwk.kid));
    return !this.#stored.some((key) => kids.has(key.jwk.kid));
  }

  /** Starts a second after the last read at the earliest; whoever asks until then shares it. */
  async #freshRead(): Promise<void> {
    await sleep(Math.max(0, this.#lastRead + FRESH_READ - performance.now()));
    await this.#reading?.catch(() => undefined);
    this.#fresh = undefined;
    await this.refresh();
  }

  #now(): Arrangement {
    const now = this.clock.now();
    const known = this.#arrangement;
    if (known !== undefined && now >= known.since && now < known.until) return known;
    this.#arrangement = arrange(this.#keys, this.algorithm, now, this.tokenLife);
    return this.#arrangement;
  }

  #closed(): StoredKey[] {
    return this.#keys.filter((key) => key.signing === undefined);
  }

  #reportClosed(): void {
    const kids = this.#closed()
      .map((key) => key.jwk.kid)
      .join(', ');
    if (kids !== '' && kids !== this.#closedTo) {
      const instead = this.canSign() ? 'signs with an older one' : 'can sign nothing, restart it';
      this.#logger.warn(
        `LATCHKEY_SECRET of this node does not open the signing key ${kids}: it verifies, but this node ${instead}`,
      );
    }
    this.#closedTo = kids;
  }
}

function sameKeys(some: readonly StoredKey[], others: readonly StoredKey[]): boolean {
  return some.length === others.length && some.every((key, index) => key === others[index]);
}
