import { Injectable } from '@nestjs/common';
import { SigningKeys } from '../keys/signing-keys.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokens } from '../tokens/access-tokens.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { TokenRejected } from '../tokens/strict-jwt.js';
import { type AuthRequest } from './auth-request.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { LogoutDto } from './auth.dto.js';
import { type PresentedToken, PresentedTokens } from './presented-token.js';

/** Ends the session that a sign-out request stands for, by whichever token it brought. */
@Injectable()
export class SignOut {
  constructor(
    private readonly presented: PresentedTokens,
    private readonly keys: SigningKeys,
    private readonly refreshTokens: RefreshTokens,
    private readonly accessTokens: AccessTokens,
    private readonly accessTokenStrategy: AccessTokenStrategy,
    private readonly sessions: Sessions,
  ) {}

  /**
   * A token that is dead, garbled or missing ends nothing and is no error. One that another node signed
   * with a key made a moment ago is neither: its key is waited for.
   */
  async endSessionOf(request: AuthRequest): Promise<void> {
    const refresh = this.presented.find(request, LogoutDto);
    if (refresh !== undefined) return this.endByRefreshToken(refresh);
    const access = this.accessTokenStrategy.extract(request);
    if (access === undefined) return;
    try {
      const { header } = this.accessTokens.readStrictly(access);
      await this.keys.findFresh(header.kid);
      const claims = this.accessTokens.verify(access);
      await this.sessions.endOne(claims.sub, claims.sid, 'logout');
    } catch (error) {
      if (!(error instanceof TokenRejected)) throw error;
    }
  }

  private async endByRefreshToken({ token, transport }: PresentedToken): Promise<void> {
    const claims = this.refreshTokens.tryReadForRenewal(token);
    if (claims === undefined || this.refreshTokens.isExpired(claims)) return;
    const session = await this.sessions.find(claims.sid);
    if (session === undefined || session.transport !== transport) return;
    if (!this.refreshTokens.matches(claims, session)) return;
    await this.sessions.endOne(session.userId, session.id, 'logout');
  }
}
