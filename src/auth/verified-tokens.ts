import type { AccessTokenClaims, ServiceTokenClaims } from '../contract/claims.js';
import type { Clock } from '../contract/clock.js';
import { deepFrozen } from '../contract/deep-frozen.js';
import type { SigningKeys } from '../keys/signing-keys.js';

const MOST = 5_000;

type Claims = AccessTokenClaims | ServiceTokenClaims;

interface Verified {
  claims: Claims;
  /** The thumbprint of the key that its signature was verified with; undefined for HS256. */
  kid: string | undefined;
}

/**
 * Access tokens whose signature and claims have been checked, keyed by the whole token. Bounded, never past `exp`, and
 * only as long as the key is there that signed them. What is remembered is frozen, because every request gets the
 * same object. It says nothing of the session: that is asked for every request.
 */
export class VerifiedTokens {
  readonly #claims = new Map<string, Verified>();

  constructor(
    private readonly clock: Clock,
    private readonly keys: SigningKeys,
  ) {}

  get(token: string): Claims | undefined {
    const verified = this.#claims.get(token);
    if (verified === undefined) return undefined;
    const { claims, kid } = verified;
    const now = this.clock.now() / 1000;
    const isGood = now < claims.exp && claims.iat <= now && this.keys.find(kid) !== undefined;
    if (isGood) return claims;
    this.#claims.delete(token);
    return undefined;
  }

  /** @param kid of the key that its signature was verified with. */
  remember(token: string, kid: string | undefined, claims: Claims): void {
    if (this.#claims.size >= MOST) this.#forgetOldest();
    this.#claims.set(token, { claims: deepFrozen(claims), kid });
  }

  #forgetOldest(): void {
    for (const oldest of this.#claims.keys()) {
      this.#claims.delete(oldest);
      return;
    }
  }
}
