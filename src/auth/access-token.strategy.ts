import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy } from 'passport-jwt';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
  SIGNING_ALGORITHMS,
} from '../contract/claims.js';
import { Clock } from '../contract/clock.js';
import { Cookies } from '../http/cookies.js';
import { CrossSiteCheck } from '../http/cross-site.js';
import { SigningKeys } from '../keys/signing-keys.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokens } from '../tokens/access-tokens.js';
import { TokenRejected } from '../tokens/strict-jwt.js';
import { type AuthRequest, bearerToken } from './auth-request.js';
import { VerifiedTokens } from './verified-tokens.js';

type Claims = AccessTokenClaims | ServiceTokenClaims;
type KeyFound = (error: unknown, key?: never) => void;

/**
 * Passport strategy for access tokens. passport-jwt checks the signature with the key that `kid` names;
 * in front of it stands the strict reader, behind it the rules of the claims, and last, for every
 * request, whether the session is alive. It does not judge roles and scopes: the guard does.
 *
 * Passport calls a copy of this object for each request, so there are no `#private` members here.
 */
@Injectable()
export class AccessTokenStrategy extends PassportStrategy(Strategy, 'latchkey-access-token') {
  private readonly verified: VerifiedTokens;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly keys: SigningKeys,
    private readonly tokens: AccessTokens,
    private readonly sessions: Sessions,
    private readonly cookies: Cookies,
    private readonly crossSite: CrossSiteCheck,
    clock: Clock,
  ) {
    super({
      jwtFromRequest: (request: AuthRequest) => this.extract(request) ?? null,
      secretOrKeyProvider: (_request: AuthRequest, token: string, done: KeyFound) =>
        void this.findKey(token).then(
          (key) => done(null, key as never),
          (error: unknown) => done(error),
        ),
      algorithms: [...SIGNING_ALGORITHMS],
      ignoreExpiration: true,
      jsonWebTokenOptions: { ignoreNotBefore: true },
      passReqToCallback: true,
    });
    this.verified = new VerifiedTokens(clock, keys);
  }

  /**
   * The claims of a request whose token has been checked before: its signature is not looked at again,
   * whether its session is alive always is.
   *
   * @returns undefined for a request with any other token, or none.
   * @throws TokenRejected for a session that is over, and what `extract` throws.
   */
  async recall(request: AuthRequest): Promise<Claims | undefined> {
    const token = this.extract(request);
    const claims = token === undefined ? undefined : this.verified.get(token);
    if (claims !== undefined) await this.assertAlive(claims);
    return claims;
  }

  /** Called by passport-jwt once the signature is right. */
  async validate(request: AuthRequest, payload: unknown): Promise<Claims> {
    const claims = this.tokens.checkAnyClaims(payload);
    await this.assertAlive(claims);
    const token = this.extract(request);
    if (token === undefined) return claims;
    this.verified.remember(token, this.tokens.readStrictly(token).header.kid, claims);
    return claims;
  }

  /** Keeps this instance out of passport's process-wide registry: the guard holds it directly. */
  getPassportInstance() {
    return new passport.Passport();
  }

  /** The bearer token; else, where that is switched on, the cookie of a request from our own site. */
  extract(request: AuthRequest): string | undefined {
    if (request.headers.authorization !== undefined) return bearerToken(request);
    if (!this.config.accessTokenCookie) return undefined;
    const token = this.cookies.read(request, 'access');
    if (token !== undefined) this.crossSite.assert(request);
    return token;
  }

  private async findKey(token: string): Promise<unknown> {
    const { header } = this.tokens.readStrictly(token);
    const found = this.keys.find(header.kid) ?? (await this.keys.findFresh(header.kid));
    if (found === undefined) throw new TokenRejected('unknown key');
    if (found.algorithm !== header.alg) throw new TokenRejected('algorithm not of this key');
    return found.key;
  }

  /** A service token has no session. Only routes that are open to services ask for its client. */
  private async assertAlive(claims: Claims): Promise<void> {
    if (isServiceToken(claims)) return;
    if (!(await this.sessions.isAlive(claims.sid, claims.sub)))
      throw new TokenRejected('session over');
  }
}
