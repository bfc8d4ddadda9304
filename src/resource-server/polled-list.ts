import { STATUS_LIST_TYPE } from '../contract/claims.js';
import { type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
import { LEEWAY } from './claims-check.js';
import type { IssuerClient } from './issuer-client.js';
import type { KeySet } from './key-set.js';
import { readSigned } from './signature.js';
import { StatusBits } from './status-bits.js';
import { startTimer } from './timers.js';
import type { VerifierSettings } from './verifier-options.js';

/** How long a call waits for a list that has not been looked at for a while. */
const MAX_CATCH_UP_MS = 1_000;
/** Characters of the longest list that is read. */
const LONGEST = 1024 * 1024;

type Claims = StrictJwt['payload'];

/** One status list that is looked at again and again. */
export class PolledList {
  #bits: StatusBits | undefined;
  #etag: string | undefined;
  /** When the issuer was last asked with success; before that, when the list was first wanted (ms, monotonic). */
  #confirmedAt = performance.now();
  #running: Promise<void> | undefined;
  #first: Promise<void> | undefined;
  #outOfRangeAt = -Infinity;
  /** When the issuer was last asked, with or without success. */
  #askedAt = -Infinity;
  /** Until when the list may be used (seconds since the epoch). */
  #expiresAt = Infinity;
  /** Until when tokens refer to it (seconds since the epoch). */
  wantedUntil = 0;

  constructor(
    readonly uri: string,
    private readonly settings: VerifierSettings,
    private readonly issuer: IssuerClient,
    private readonly keys: KeySet,
  ) {}

  /** Seconds since the issuer last confirmed it. */
  get age(): number {
    return (performance.now() - this.#confirmedAt) / 1000;
  }

  /** False once the list has expired, although the issuer may still confirm it: then it is no list. */
  get loaded(): boolean {
    return this.#bits !== undefined && this.settings.clock.now() / 1000 < this.#expiresAt + LEEWAY;
  }

  /** Whether the bit is set, as far as is known: what has ended does not come back. Never asks the issuer. */
  isSet(index: number): boolean {
    return this.#bits?.isSet(index) === true;
  }

  has(index: number): boolean {
    return !this.loaded || this.#bits?.has(index) === true;
  }

  /** Waits for the first look, whether it succeeds or not. There is one, however many wait. */
  firstLook(): Promise<void> {
    this.#first ??= this.refresh().catch(() => undefined);
    return this.#first;
  }

  /**
   * Looks again before a token is refused for the list's age, because background work may have stood still as long as the
   * process did. Waits a second at most. Where the issuer was asked a moment ago there is nothing to wait for.
   *
   * @param pollInterval seconds.
   */
  async catchUp(pollInterval: number): Promise<void> {
    const isFollowing = performance.now() - this.#askedAt < 2 * pollInterval * 1000;
    if (this.#running === undefined && isFollowing) return;
    const look = this.refresh().catch(() => undefined);
    let stop: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => (stop = startTimer(MAX_CATCH_UP_MS, resolve)));
    await Promise.race([look, enough]);
    stop();
  }

  /** Looks again because a token's index is beyond the list; at most once in a poll interval. */
  async grow(pollInterval: number): Promise<void> {
    await this.#running?.catch(() => undefined);
    if (performance.now() - this.#outOfRangeAt < pollInterval * 1000) return;
    this.#outOfRangeAt = performance.now();
    await this.refresh().catch(() => undefined);
  }

  /** Looks whether the list has changed; callers share one request. */
  refresh(): Promise<void> {
    this.#running ??= this.#fetch().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #fetch(): Promise<void> {
    const asked = performance.now();
    this.#askedAt = asked;
    const asking = {
      accept: 'application/statuslist+jwt',
      etag: this.loaded ? this.#etag : undefined,
    };
    const answer = await this.issuer.ask('status_list', this.uri, asking);
    if (answer !== undefined) {
      const read = await this.#read(answer.text);
      this.#bits = read.after(this.#bits);
      this.#etag = answer.etag;
    }
    this.#confirmedAt = asked;
  }

  /** Checks a status list token (draft-ietf-oauth-status-list §8.3). */
  async #read(text: string): Promise<StatusBits> {
    const judge = (claims: Claims) => this.#judge(claims);
    const { iat, exp, status_list } = await readSigned(
      text,
      STATUS_LIST_TYPE,
      this.keys,
      judge,
      LONGEST,
    );
    const bits = await StatusBits.read(status_list, Number(iat));
    this.#expiresAt = exp === undefined ? Infinity : Number(exp);
    return bits;
  }

  #judge({ sub, iss, iat, exp }: Claims): void {
    const now = this.settings.clock.now() / 1000;
    if (sub !== this.uri) throw new TokenRejected('sub');
    if (iss !== undefined && iss !== this.settings.issuer) throw new TokenRejected('iss');
    if (!Number.isSafeInteger(iat) || Number(iat) - LEEWAY > now) throw new TokenRejected('iat');
    if (exp !== undefined && !(Number.isFinite(exp) && Number(exp) + LEEWAY > now)) {
      throw new TokenRejected('exp');
    }
  }
}
