import { createHmac, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { wrongRefreshClaim } from '../contract/claim-types.js';
import { REFRESH_TOKEN_TYPE, type RefreshTokenClaims } from '../contract/claims.js';
import { Clock, epochSeconds } from '../contract/clock.js';
import { readStrictJwt, type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
import { WorkingKeys } from '../keys/working-keys.js';
import type { MintedToken } from './access-tokens.js';
import { JwtSignature } from './jwt-signature.js';

/** What a refresh token is made from. The same source gives the same token, byte for byte. */
export interface RefreshTokenSource {
  id: string;
  userId: string;
  /** Random, known to the database alone. */
  seed: string;
  generation: number;
  /** When this generation was issued (ms). */
  rotatedAt: number;
  /** When the session ends if it stays idle (ms). */
  expiresAt: number;
}

const JTI_LENGTH = 22;

/**
 * Makes and reads refresh tokens. To make one takes both the signing key and the session's seed; nothing
 * of the token itself is stored.
 */
@Injectable()
export class RefreshTokens {
  readonly #signature: JwtSignature;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    keys: WorkingKeys,
    private readonly clock: Clock,
  ) {
    const key = { kid: undefined, algorithm: 'HS256' as const, key: keys.refreshKey() };
    this.#signature = new JwtSignature(key, REFRESH_TOKEN_TYPE);
  }

  mint(session: RefreshTokenSource): MintedToken {
    const exp = epochSeconds(session.expiresAt);
    const claims: RefreshTokenClaims = {
      iss: this.config.publicUrl,
      aud: this.config.publicUrl,
      sub: session.userId,
      sid: session.id,
      gen: session.generation,
      jti: tokenId(session, session.generation),
      iat: epochSeconds(session.rotatedAt),
      exp,
    };
    const expiresIn = Math.max(0, exp - epochSeconds(this.clock.now()));
    return { token: this.#signature.sign(claims), expiresIn };
  }

  /**
   * Checks all that can be seen from the token: form, signature, the types of the claims, `iss`, `aud`, and
   * `exp` without leeway. `iat` is not judged. NOT whether it belongs to its session (`matches`) and whether
   * that is alive.
   *
   * @throws TokenRejected
   */
  read(token: string): RefreshTokenClaims {
    const claims = this.readForRenewal(token);
    if (this.isExpired(claims)) throw new TokenRejected('expired');
    return claims;
  }

  /** As `read`, but NOT `exp`: the retry of a renewal may come after it. @throws TokenRejected */
  readForRenewal(token: string): RefreshTokenClaims {
    const { header, payload } = readStrictJwt(token);
    if (header.typ !== REFRESH_TOKEN_TYPE) throw new TokenRejected('typ');
    if (header.alg !== 'HS256') throw new TokenRejected('alg');
    if (header.kid !== undefined) throw new TokenRejected('kid');
    this.#signature.verify(token);
    return this.#checked(payload);
  }

  /** As `readForRenewal`, but undefined for a token that is rejected. */
  tryReadForRenewal(token: string): RefreshTokenClaims | undefined {
    try {
      return this.readForRenewal(token);
    } catch (error) {
      if (error instanceof TokenRejected) return undefined;
      throw error;
    }
  }

  /** Without leeway. */
  isExpired({ exp }: RefreshTokenClaims): boolean {
    return exp * 1000 <= this.clock.now();
  }

  /** Whether the token was made for this session, at whatever generation. In constant time. */
  matches(
    claims: RefreshTokenClaims,
    session: Pick<RefreshTokenSource, 'id' | 'userId' | 'seed'>,
  ): boolean {
    const expected = Buffer.from(tokenId(session, claims.gen));
    const presented = Buffer.from(claims.jti);
    return (
      presented.length === expected.length &&
      timingSafeEqual(presented, expected) &&
      claims.sid === session.id &&
      claims.sub === session.userId
    );
  }

  #checked(payload: StrictJwt['payload']): RefreshTokenClaims {
    const wrong = wrongRefreshClaim(payload);
    if (wrong !== undefined) throw new TokenRejected(`claim ${wrong}`);
    const claims: RefreshTokenClaims = payload as StrictJwt['payload'] & RefreshTokenClaims;
    if (claims.iss !== this.config.publicUrl) throw new TokenRejected('iss');
    if (claims.aud !== this.config.publicUrl) throw new TokenRejected('aud');
    return claims;
  }
}

function tokenId(
  { id, seed }: Pick<RefreshTokenSource, 'id' | 'seed'>,
  generation: number,
): string {
  return createHmac('sha256', seed)
    .update(`${id}.${generation}`)
    .digest('base64url')
    .slice(0, JTI_LENGTH);
}
