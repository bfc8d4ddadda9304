import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy } from 'passport-jwt';
import type { RefreshTokenClaims } from '../contract/claims.js';
import { WorkingKeys } from '../keys/working-keys.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import type { AuthRequest } from './auth-request.js';
import { PresentedTokens } from './presented-token.js';

type KeyFound = (error: unknown, key?: never) => void;

/**
 * Passport strategy for refresh tokens: form, signature and claims. It does not ask whether the token is
 * the session's current one: that is decided, together with the renewal, by `Sessions.renew`.
 *
 * Passport calls a copy of this object for each request, so there are no `#private` members here.
 */
@Injectable()
export class RefreshTokenStrategy extends PassportStrategy(Strategy, 'latchkey-refresh-token') {
  constructor(
    presented: PresentedTokens,
    keys: WorkingKeys,
    private readonly tokens: RefreshTokens,
  ) {
    super({
      jwtFromRequest: (request: AuthRequest) => presented.find(request)?.token ?? null,
      secretOrKeyProvider: (_request: AuthRequest, token: string, done: KeyFound) => {
        try {
          tokens.readStrictly(token);
        } catch (error) {
          return done(error);
        }
        done(null, keys.refreshKey() as never);
      },
      algorithms: ['HS256'],
      ignoreExpiration: true,
      jsonWebTokenOptions: { ignoreNotBefore: true },
    });
  }

  /** Called by passport-jwt once the signature is right. */
  validate(payload: unknown): RefreshTokenClaims {
    return this.tokens.checkClaims(payload);
  }

  /** Keeps this instance out of passport's process-wide registry: the guard holds it directly. */
  getPassportInstance() {
    return new passport.Passport();
  }
}
