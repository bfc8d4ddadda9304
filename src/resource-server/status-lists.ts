import type { StatusListReference } from '../contract/claims.js';
import { TokenRejected } from '../contract/strict-jwt.js';
import { LEEWAY, type VerifiedClaims } from './claims-check.js';
import { type IssuerClient, IssuerUnreachable } from './issuer-client.js';
import type { KeySet } from './key-set.js';
import { PolledList } from './polled-list.js';
import { Repeating } from './repeating.js';
import type { RevocationOptions, VerifierSettings } from './verifier-options.js';

function referenceOf(claims: VerifiedClaims): StatusListReference | undefined {
  return 'status' in claims ? claims.status?.status_list : undefined;
}

/** A status list as it stands. */
export interface StatusListState {
  uri: string;
  loaded: boolean;
  /** Seconds since the issuer last confirmed it. */
  age: number;
}

/**
 * Knows which sessions have ended, from the issuer's status lists. A list is fetched when a token first
 * refers to it, then polled in the background for as long as tokens do; no later call waits for the issuer.
 */
export class StatusLists {
  readonly #lists = new Map<string, PolledList>();
  readonly #polling = new Repeating(() => this.#poll());

  constructor(
    private readonly policy: Required<RevocationOptions>,
    private readonly settings: VerifierSettings,
    private readonly issuer: IssuerClient,
    private readonly keys: KeySet,
  ) {}

  start(): void {
    this.#polling.start(this.policy.pollInterval * 1000);
  }

  stop(): void {
    this.#polling.stop();
  }

  state(): StatusListState[] {
    return [...this.#lists.values()].map(({ uri, loaded, age }) => ({ uri, loaded, age }));
  }

  /** Whether it is known, without waiting for anything, that the token's session has not ended. */
  isKnownAlive(claims: VerifiedClaims): boolean {
    const reference = referenceOf(claims);
    if (reference === undefined) return true;
    const list = this.#lists.get(reference.uri);
    if (list?.loaded !== true) return false;
    list.wantedUntil = Math.max(list.wantedUntil, claims.exp + LEEWAY);
    return list.has(reference.idx) && !list.isSet(reference.idx) && !this.#isTooOld(list);
  }

  /**
   * Passes tokens whose session has not ended as far as is known, and tokens without a status.
   *
   * @throws TokenRejected, or IssuerUnreachable when what is known is too old to go by.
   */
  async judge(claims: VerifiedClaims): Promise<void> {
    const reference = referenceOf(claims);
    if (reference === undefined) return;
    const list = this.#list(reference.uri, claims.exp + LEEWAY);
    if (!list.loaded) await list.firstLook();
    if (this.#isTooOld(list) || !list.loaded) await list.catchUp(this.policy.pollInterval);
    if (!list.has(reference.idx)) await list.grow(this.policy.pollInterval);
    if (list.isSet(reference.idx)) throw new TokenRejected('revoked');
    if (!list.has(reference.idx)) throw new TokenRejected('not in the status list');
    if (this.#isTooOld(list)) {
      throw new IssuerUnreachable('The status list is too old');
    }
  }

  /** One that is there may miss two polls before it counts as stale. */
  #isTooOld({ age, loaded }: PolledList): boolean {
    const { pollInterval, serveStale } = this.policy;
    return age > serveStale + (loaded ? 2 * pollInterval : 0);
  }

  #list(uri: string, until: number): PolledList {
    let list = this.#lists.get(uri);
    if (list === undefined) {
      if (!uri.startsWith(`${this.settings.issuer}/`)) throw new TokenRejected('status list');
      list = new PolledList(uri, this.settings, this.issuer, this.keys);
      this.#lists.set(uri, list);
    }
    list.wantedUntil = Math.max(list.wantedUntil, until);
    return list;
  }

  /** @returns milliseconds until the next time, so that the whole takes no longer than the interval. */
  async #poll(): Promise<number> {
    const began = performance.now();
    const now = this.settings.clock.now() / 1000;
    for (const [uri, list] of this.#lists) if (list.wantedUntil <= now) this.#lists.delete(uri);
    await Promise.allSettled([...this.#lists.values()].map((list) => list.refresh()));
    return Math.max(0, this.policy.pollInterval * 1000 - (performance.now() - began));
  }
}
