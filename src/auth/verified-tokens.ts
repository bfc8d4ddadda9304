import type { AccessTokenClaims, ServiceTokenClaims } from '../contract/claims.js';
import type { Clock } from '../contract/clock.js';

const MOST = 5_000;

type Claims = AccessTokenClaims | ServiceTokenClaims;

/**
 * Access tokens whose signature and claims have been checked, keyed by the whole token. Bounded, and never
 * past `exp`. It says nothing of the session: that is asked for every request.
 */
export class VerifiedTokens {
  readonly #claims = new Map<string, Claims>();

  constructor(private readonly clock: Clock) {}

  get(token: string): Claims | undefined {
    const claims = this.#claims.get(token);
    if (claims === undefined) return undefined;
    const now = this.clock.now() / 1000;
    if (now < claims.exp && claims.iat <= now) return claims;
    this.#claims.delete(token);
    return undefined;
  }

  remember(token: string, claims: Claims): void {
    if (this.#claims.size >= MOST) this.#forgetOldest();
    this.#claims.set(token, claims);
  }

  #forgetOldest(): void {
    for (const oldest of this.#claims.keys()) {
      this.#claims.delete(oldest);
      return;
    }
  }
}
