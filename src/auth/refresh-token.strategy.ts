import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import type { RefreshTokenClaims } from '../contract/claims.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { TokenRejected } from '../tokens/strict-jwt.js';
import type { AuthRequest } from './auth-request.js';
import { PresentedTokens } from './presented-token.js';

/**
 * Passport strategy for refresh tokens: form, signature and claims. It does not ask whether the token is
 * the session's current one: that is decided, together with the renewal, by `Sessions.renew`.
 *
 * Passport calls a copy of this object for each request, so there are no `#private` members here.
 */
@Injectable()
export class RefreshTokenStrategy extends PassportStrategy(
  passport.Strategy,
  'latchkey-refresh-token',
) {
  constructor(
    private readonly presented: PresentedTokens,
    private readonly tokens: RefreshTokens,
  ) {
    super();
  }

  /** Called by passport, with what it takes to tell it the outcome. */
  override authenticate(request: AuthRequest): void {
    let claims: RefreshTokenClaims;
    try {
      claims = this.validate(request);
    } catch (error) {
      if (error instanceof TokenRejected) this.fail(error.reason);
      else this.error(error);
      return;
    }
    this.success(claims);
  }

  /** @throws TokenRejected */
  validate(request: AuthRequest): RefreshTokenClaims {
    return this.tokens.readForRenewal(this.presented.find(request)?.token ?? '');
  }

  /** Keeps this instance out of passport's process-wide registry: the guard holds it directly. */
  getPassportInstance() {
    return new passport.Passport();
  }
}
