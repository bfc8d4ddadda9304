import { Injectable } from '@nestjs/common';
import { VerifiedTokens } from '../auth/verified-tokens.js';
import {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  isServiceToken,
  REFRESH_TOKEN_TYPE,
  type RefreshTokenClaims,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { Clock } from '../contract/clock.js';
import { SigningKeys } from '../keys/signing-keys.js';
import { AccessTokens } from '../tokens/access-tokens.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { readStrictJwt, TokenRejected } from '../tokens/strict-jwt.js';

/** A genuine token, and of which kind it is. Whether it still stands is another question. */
export type GenuineToken =
  | { kind: 'access'; claims: AccessTokenClaims }
  | { kind: 'service'; claims: ServiceTokenClaims }
  | { kind: 'refresh'; claims: RefreshTokenClaims };

/** Reads a token of any kind, as introspection and revocation get them. */
@Injectable()
export class TokenReader {
  readonly #verified: VerifiedTokens;

  constructor(
    private readonly keys: SigningKeys,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokens,
    clock: Clock,
  ) {
    this.#verified = new VerifiedTokens(clock, keys);
  }

  /**
   * Checks form, signature and claims. NOT whether a session is alive or a client registered.
   *
   * @returns undefined for anything that is not genuine or has expired.
   * @throws StorageUnavailableError when it names a key that can't be looked for.
   */
  async read(token: string): Promise<GenuineToken | undefined> {
    const known = this.#verified.get(token);
    if (known !== undefined) return ofKind(known);
    try {
      return await this.#read(token);
    } catch (error) {
      if (error instanceof TokenRejected) return undefined;
      throw error;
    }
  }

  async #read(token: string): Promise<GenuineToken | undefined> {
    const { typ, kid } = readStrictJwt(token).header;
    if (typ === REFRESH_TOKEN_TYPE) {
      return { kind: 'refresh', claims: this.refreshTokens.read(token) };
    }
    if (typ !== ACCESS_TOKEN_TYPE) return undefined;
    if (this.keys.find(kid) === undefined) await this.keys.findFresh(kid);
    const { payload } = this.accessTokens.verifySignature(token);
    const claims = Object.hasOwn(payload, 'sid')
      ? this.accessTokens.checkClaims(payload)
      : this.accessTokens.checkServiceClaims(payload);
    this.#verified.remember(token, kid, claims);
    return ofKind(claims);
  }
}

function ofKind(claims: AccessTokenClaims | ServiceTokenClaims): GenuineToken {
  return isServiceToken(claims) ? { kind: 'service', claims } : { kind: 'access', claims };
}
