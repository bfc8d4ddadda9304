import { type CryptoKey, importJWK } from 'jose';
import type { Discovery } from './discovery.js';
import { type IssuerClient, IssuerUnreachable } from './issuer-client.js';
import { Repeating } from './repeating.js';
import type { VerifierSettings } from './verifier-options.js';
import { startTimer } from './timers.js';

/** A public key with the only algorithm that may be used with it. */
export interface IssuerKey {
  algorithm: string;
  key: CryptoKey;
}

type Jwk = Readonly<Record<string, unknown>>;

const LEAST_MODULUS_BITS = 2048;
/** Milliseconds between tries while there are no keys at all. */
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;
/** What Latchkey's kids look like (RFC 7638). Only such are worth waiting for. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
/** Tokens that wait for a key at most. */
const MOST_WAITING = 200;
/** Milliseconds. Who would have to wait longer is refused, and may try again. */
const LONGEST_WAIT = 5_000;

/**
 * The issuer's public keys, kept in memory: refreshed in the background, asked for anew when a token names
 * an unknown one, and used for as long as the issuer is away.
 */
export class KeySet {
  #keys: ReadonlyMap<string, IssuerKey & { text: string }> = new Map();
  #etag: string | undefined;
  #running: Promise<void> | undefined;
  /* Milliseconds on a clock that nobody sets. */
  /** When an unknown `kid` last caused a fetch. */
  #askedAt = -Infinity;
  /** When the last fetch began. */
  #triedAt = -Infinity;
  /** When the last fetch that succeeded began. */
  #loadedAt = -Infinity;
  #failures = 0;
  /** The fetch that begins when the cool-down is over, and how many wait for it. */
  #next: Promise<void> | undefined;
  #waiting = 0;
  readonly #refreshing = new Repeating(() => this.#refreshInBackground());

  /** @param onRemoval is called when a key that was listed isn't any more. */
  constructor(
    private readonly settings: VerifierSettings,
    private readonly issuer: IssuerClient,
    private readonly discovery: Discovery,
    private readonly onRemoval: () => void,
  ) {}

  get size(): number {
    return this.#keys.size;
  }

  /** Seconds since the issuer last confirmed the keys; undefined before it has. */
  get age(): number | undefined {
    return this.loaded ? (performance.now() - this.#loadedAt) / 1000 : undefined;
  }

  get loaded(): boolean {
    return this.#loadedAt !== -Infinity;
  }

  start(): void {
    this.#refreshing.start(0);
  }

  stop(): void {
    this.#refreshing.stop();
  }

  /**
   * The key that a token names. An unknown one causes a fetch, at most one in `keyCooldown`; what could be a
   * key that was made since the last one waits for the next, so that two rotations in a row refuse nobody.
   *
   * @returns undefined when the issuer has no such key.
   * @throws IssuerUnreachable when nobody can know.
   */
  async find(kid: string | undefined): Promise<IssuerKey | undefined> {
    if (kid === undefined) return undefined;
    return this.#keys.get(kid) ?? this.#findFresh(kid);
  }

  /** Fetches the keys; callers share one request. @throws IssuerUnreachable */
  refresh(): Promise<void> {
    this.#running ??= this.#fetch().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #findFresh(kid: string): Promise<IssuerKey | undefined> {
    const began = performance.now();
    if (this.#running !== undefined) await this.#running;
    if (!this.#keys.has(kid) && this.#loadedAt < began) await this.#ask(THUMBPRINT.test(kid));
    const found = this.#keys.get(kid);
    if (found === undefined && (this.#failures > 0 || !this.loaded)) {
      throw new IssuerUnreachable('The keys could not be fetched');
    }
    return found;
  }

  /** @param patient waits until it may be asked, rather than not asking. */
  async #ask(patient: boolean): Promise<void> {
    const delay = this.#cooldown();
    if (delay <= 0) return this.#askNow();
    const hopeless = !this.loaded || this.#failures > 0 || delay > LONGEST_WAIT;
    if (!patient || hopeless || this.#waiting >= MOST_WAITING) return;
    this.#next ??= later(delay, () => this.#askNow()).finally(() => (this.#next = undefined));
    this.#waiting += 1;
    try {
      await this.#next;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #askNow(): Promise<void> {
    if (this.loaded) this.#askedAt = performance.now();
    await this.refresh();
  }

  /** Milliseconds until an unknown `kid` may cause a fetch. */
  #cooldown(): number {
    const now = performance.now();
    if (!this.loaded) return this.#triedAt + FIRST_RETRY - now;
    return this.#askedAt + this.settings.keyCooldown * 1000 - now;
  }

  /** @returns milliseconds until the next time; earlier, by up to a tenth, than everybody else's. */
  async #refreshInBackground(): Promise<number> {
    try {
      await this.refresh();
      return this.settings.keyRefresh * 1000 * (1 - Math.random() / 10);
    } catch {
      const longest = Math.min(LONGEST_RETRY, this.settings.keyRefresh * 1000);
      return Math.min(FIRST_RETRY * 2 ** (this.#failures - 1), longest);
    }
  }

  async #fetch(): Promise<void> {
    const began = performance.now();
    this.#triedAt = began;
    try {
      const uri = await this.discovery.jwksUri();
      const accept = 'application/jwk-set+json, application/json';
      const answer = await this.issuer.ask('jwks', uri, {
        accept,
        etag: this.#etag,
        check: readJwks,
      });
      if (answer !== undefined) {
        await this.#take(answer.text);
        this.#etag = answer.etag;
      }
      this.#loadedAt = began;
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.discovery.forget();
      throw error;
    }
  }

  async #take(text: string): Promise<void> {
    const keys = new Map<string, IssuerKey & { text: string }>();
    for (const jwk of readJwks(text)) {
      const { kid, alg } = jwk;
      if (typeof kid !== 'string' || typeof alg !== 'string' || keys.has(kid)) continue;
      const known = this.#keys.get(kid);
      const text = JSON.stringify(jwk);
      const key = known?.text === text ? known.key : await this.#import(jwk, alg);
      if (key !== undefined) keys.set(kid, { algorithm: alg, key, text });
    }
    const before = this.#keys;
    this.#keys = keys;
    if ([...before].some(([kid, { key }]) => keys.get(kid)?.key !== key)) this.onRemoval();
  }

  /** @returns undefined for keys that are of no use to us: they are no reason to refuse the others. */
  async #import(jwk: Jwk, alg: string): Promise<CryptoKey | undefined> {
    const { kty, crv, x, y, n, e, use = 'sig' } = jwk;
    if (use !== 'sig' || !this.settings.algorithms.has(alg)) return undefined;
    if (kty !== (alg.startsWith('ES') ? 'EC' : 'RSA')) return undefined;
    try {
      const key = await importJWK({ kty, crv, x, y, n, e } as never, alg);
      return 'algorithm' in key && !isShort(key) ? key : undefined;
    } catch {
      return undefined;
    }
  }
}

async function later(delay: number, work: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => startTimer(delay, resolve));
  return work();
}

function isShort({ algorithm }: CryptoKey): boolean {
  return 'modulusLength' in algorithm && Number(algorithm.modulusLength) < LEAST_MODULUS_BITS;
}

function readJwks(text: string): Jwk[] {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    if (Array.isArray(keys)) {
      return keys.filter((one): one is Jwk => typeof one === 'object' && one !== null);
    }
  } catch {
    // Not JSON.
  }
  throw new IssuerUnreachable('The keys are no JWK set');
}
