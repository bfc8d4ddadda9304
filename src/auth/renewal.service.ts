import { Injectable } from '@nestjs/common';
import type { RefreshOutcome } from '../contract/responses.js';
import { LatchkeyEvents } from '../events.js';
import type { Problem } from '../http/problem.js';
import type { Session } from '../sessions/session.repository.js';
import { Sessions } from '../sessions/sessions.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { UserStore, type UserRecord } from '../users/user-store.js';
import { refreshTokenInvalid } from './presented-token.js';
import type { RenewalRequest } from './refresh-token.guard.js';
import { type SignedIn, TokenIssuer } from './token-issuer.js';

/** A new pair of tokens, and how the renewal came out. */
export interface Renewed extends SignedIn {
  outcome: RefreshOutcome;
}

/** Renews sessions by the rules of `docs/rotation.md`. Knows no HTTP. */
@Injectable()
export class RenewalService {
  readonly #users: UserStore;
  readonly #sessions: Sessions;
  readonly #refreshTokens: RefreshTokens;
  readonly #tokens: TokenIssuer;
  readonly #events: LatchkeyEvents;

  constructor(
    users: UserStore,
    sessions: Sessions,
    refreshTokens: RefreshTokens,
    tokens: TokenIssuer,
    events: LatchkeyEvents,
  ) {
    this.#users = users;
    this.#sessions = sessions;
    this.#refreshTokens = refreshTokens;
    this.#tokens = tokens;
    this.#events = events;
  }

  /**
   * Signs the access token before the session advances, so that nothing which could fail comes after.
   *
   * @throws Problem `refresh_token_invalid`.
   * @throws ScopeExceeded when more scopes are asked for than the user has, UnknownAudience for an audience that is
   * not configured. Nothing is consumed then.
   */
  async renew(request: RenewalRequest): Promise<Renewed> {
    const { claims } = request;
    const [found, user] = await Promise.all([
      this.#sessions.find(claims.sid),
      this.#users.findById(claims.sub),
    ]);
    const reason = this.#rejectionReason(request, found, user);
    if (reason !== undefined || found === undefined || user === null) {
      throw this.#rejected(reason ?? 'unknown');
    }
    const session = await this.#sessions.withStatusIndex(found);
    const access = await this.#tokens.accessToken(user, session, request);
    const expired = this.#refreshTokens.isExpired(claims);
    const presented = { generation: claims.gen, expired };
    const renewal = await this.#sessions.renew(session, presented, request.idempotencyKey);
    if (renewal.outcome === 'rejected') throw this.#rejected('replaced or over');
    this.#events.tell('renewal', { outcome: renewal.outcome });
    return { ...this.#tokens.issue(user, renewal.session, access), outcome: renewal.outcome };
  }

  #rejectionReason(
    { claims, transport }: RenewalRequest,
    session: Session | undefined,
    user: UserRecord | null,
  ): string | undefined {
    if (session === undefined) return 'no such session';
    if (session.userId !== claims.sub) return 'not this user';
    if (!this.#refreshTokens.matches(claims, session)) return 'not made from this session';
    if (session.transport !== transport) return 'sent the other way';
    if (user === null || user.disabled) return 'user gone or disabled';
    return undefined;
  }

  #rejected(reason: string): Problem {
    this.#events.tell('renewal', { outcome: 'rejected' });
    return refreshTokenInvalid(reason);
  }
}
