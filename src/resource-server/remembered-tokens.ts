import type { Clock } from '../contract/clock.js';
import type { VerifiedClaims } from './claims-check.js';

/**
 * Access tokens whose signature and claims have been checked, keyed by the whole token. Bounded, and never
 * past `exp`. It says nothing of the session: that is judged for every call.
 */
export class RememberedTokens {
  readonly #claims = new Map<string, VerifiedClaims>();

  constructor(
    private readonly most: number,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.#claims.size;
  }

  get(token: string): VerifiedClaims | undefined {
    const claims = this.#claims.get(token);
    if (claims === undefined) return undefined;
    const now = this.clock.now() / 1000;
    const from = Math.max(claims.iat, (claims as { nbf?: number }).nbf ?? 0);
    if (now < claims.exp && from <= now) return claims;
    this.#claims.delete(token);
    return undefined;
  }

  /** @param claims frozen: every request that brings this token gets the same object. */
  remember(token: string, claims: VerifiedClaims): void {
    if (this.most === 0) return;
    if (this.#claims.size >= this.most) this.#forgetOldest();
    this.#claims.set(token, claims);
  }

  clear(): void {
    this.#claims.clear();
  }

  #forgetOldest(): void {
    for (const oldest of this.#claims.keys()) {
      this.#claims.delete(oldest);
      return;
    }
  }
}
