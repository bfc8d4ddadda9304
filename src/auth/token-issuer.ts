import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import type { TokenResponse, UserView } from '../contract/responses.js';
import { Cookies } from '../http/cookies.js';
import type { Session } from '../sessions/session.repository.js';
import {
  AccessTokens,
  type MintedAccessToken,
  type MintedToken,
  type Narrowing,
} from '../tokens/access-tokens.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import type { UserRecord } from '../users/user-store.js';
import { userView } from '../users/user-view.js';

/** A signed-in user with both tokens, before it is known how they travel. */
export interface SignedIn {
  user: UserView;
  session: Session;
  access: MintedAccessToken;
  refresh: MintedToken;
}

/** Makes the pair of tokens, and hands it over the way the session wants it. */
@Injectable()
export class TokenIssuer {
  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly accessTokens: AccessTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly cookies: Cookies,
  ) {}

  /**
   * @param narrowed to fewer scopes than the user's roles give, and to one audience.
   * @throws ScopeExceeded, UnknownAudience
   */
  accessToken(
    user: UserRecord,
    session: Session,
    narrowed: Narrowing = {},
  ): Promise<MintedAccessToken> {
    const { scopes, audience } = narrowed;
    return this.accessTokens.mintAside({ user, session, scopes, audience });
  }

  issue(user: UserRecord, session: Session, access: MintedAccessToken): SignedIn {
    return { user: userView(user), session, access, refresh: this.refreshTokens.mint(session) };
  }

  /** Sets the cookies of a session with the cookie transport; its refresh token is in no body. */
  respond(response: unknown, signedIn: SignedIn): TokenResponse {
    const { access, refresh, session, user } = signedIn;
    const rest = { refreshExpiresIn: refresh.expiresIn, sessionId: session.id, user };
    const common = {
      tokenType: 'Bearer',
      accessToken: access.token,
      expiresIn: access.expiresIn,
    } as const;
    if (session.transport === 'body') {
      return { ...common, refreshToken: refresh.token, ...rest };
    }
    this.cookies.setRefresh(response, refresh.token, refresh.expiresIn);
    if (this.config.accessTokenCookie) {
      this.cookies.setAccess(response, access.token, access.expiresIn);
    }
    return { ...common, ...rest };
  }
}
