import { Injectable } from '@nestjs/common';
import type { RefreshTokenClaims } from '../contract/claims.js';
import { Sessions } from '../sessions/sessions.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { type Client, FIRST_PARTY } from './client-authentication.js';
import { TokensOfServices } from './tokens-of-services.js';
import { TokenReader } from './token-reader.js';

/** Revokes tokens (RFC 7009). Who has a user's token may end its session: possession is the proof. */
@Injectable()
export class TokenRevocation {
  constructor(
    private readonly reader: TokenReader,
    private readonly sessions: Sessions,
    private readonly refreshTokens: RefreshTokens,
    private readonly serviceTokens: TokensOfServices,
  ) {}

  /**
   * Ends the session of a user's token, old or new, however it travels; revokes a service's token if that
   * service asks. Any other token is left as it is. What it did is on disk when it returns.
   */
  async revoke(token: string, client: Client): Promise<void> {
    const read = await this.reader.read(token);
    if (read?.kind === 'access') await this.#end(read.claims);
    if (read?.kind === 'refresh') await this.#endByRefreshToken(read.claims);
    if (read?.kind === 'service' && client !== FIRST_PARTY) {
      if (read.claims.client_id === client.id) await this.serviceTokens.revoke(read.claims);
    }
  }

  async #endByRefreshToken(claims: RefreshTokenClaims): Promise<void> {
    const session = await this.sessions.find(claims.sid);
    if (session === undefined || !this.refreshTokens.matches(claims, session)) return;
    await this.#end(claims);
  }

  async #end({ sub, sid }: { sub: string; sid: string }): Promise<void> {
    await this.sessions.endOne(sub, sid, 'token_revoked');
  }
}
