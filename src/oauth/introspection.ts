import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import type { RefreshTokenClaims } from '../contract/claims.js';
import { Clock } from '../contract/clock.js';
import { Sessions } from '../sessions/sessions.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import type { ClientRow } from './client.repository.js';
import { TokensOfServices } from './tokens-of-services.js';
import { type GenuineToken, TokenReader } from './token-reader.js';

/** The answer of introspection (RFC 7662 §2.2). */
export type Introspected =
  { active: false } | { active: true; token_type: string; [claim: string]: unknown };

const INACTIVE = { active: false } as const;

/** Says what a token is worth at this moment. Changes nothing: looking at a refresh token does not use it. */
@Injectable()
export class Introspection {
  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly reader: TokenReader,
    private readonly sessions: Sessions,
    private readonly refreshTokens: RefreshTokens,
    private readonly serviceTokens: TokensOfServices,
    private readonly clock: Clock,
  ) {}

  /** @param client who asks: of service tokens it only hears about its own. */
  async of(token: string, client: ClientRow): Promise<Introspected> {
    const read = await this.reader.read(token);
    // We know our own clock, so here nothing outlives its `exp`.
    if (read === undefined || read.claims.exp * 1000 <= this.clock.now()) return INACTIVE;
    if (!(await this.#stands(read, client))) return INACTIVE;
    if (read.kind === 'refresh') return this.#refreshToken(read.claims);
    return { active: true, token_type: 'Bearer', ...read.claims };
  }

  async #stands(read: GenuineToken, client: ClientRow): Promise<boolean> {
    switch (read.kind) {
      case 'access':
        return this.sessions.isAlive(read.claims.sid, read.claims.sub);
      case 'service':
        return read.claims.client_id === client.id && this.serviceTokens.stands(read.claims);
      case 'refresh':
        return this.#isCurrent(read.claims);
    }
  }

  async #isCurrent(claims: RefreshTokenClaims): Promise<boolean> {
    const session = await this.sessions.find(claims.sid);
    return (
      session !== undefined &&
      session.endedAt === null &&
      session.expiresAt > this.clock.now() &&
      session.generation === claims.gen &&
      this.refreshTokens.matches(claims, session)
    );
  }

  /** `token_type` keeps a careless service from taking it for an access token. */
  #refreshToken({ iss, aud, sub, sid, jti, iat, exp }: RefreshTokenClaims): Introspected {
    const claims = { iss, aud, sub, sid, jti, iat, exp };
    const { clientId } = this.config;
    return { active: true, token_type: 'refresh_token', client_id: clientId, ...claims };
  }
}
