import { Injectable } from '@nestjs/common';
import { refreshTokenInvalid } from '../auth/presented-token.js';
import { RenewalService } from '../auth/renewal.service.js';
import type { RefreshOutcome } from '../contract/responses.js';
import { OAuthError } from '../http/oauth-error.js';
import { type MintedAccessToken, UnknownAudience } from '../tokens/access-tokens.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { scopeList, ScopeExceeded } from '../tokens/scopes.js';
import type { ClientRow } from './client.repository.js';
import { TokensOfServices } from './tokens-of-services.js';

/** The answer of the token endpoint (RFC 6749 §5.1). */
export interface OAuthTokenResponse {
  access_token: string;
  token_type: 'Bearer';
  /** Seconds. */
  expires_in: number;
  /** Left out when the token has none. */
  scope?: string;
  refresh_token?: string;
}

/** What a refresh grant asks for. */
export interface RefreshGrant {
  refreshToken: string;
  scope: string | undefined;
  /** One of the configured ones, for the access token of this answer. */
  audience: string | undefined;
  idempotencyKey: string | undefined;
}

/** The two grants there are. Knows no HTTP. */
@Injectable()
export class TokenGrants {
  constructor(
    private readonly renewal: RenewalService,
    private readonly refreshTokens: RefreshTokens,
    private readonly serviceTokens: TokensOfServices,
  ) {}

  /**
   * A service's own token (RFC 6749 §4.4).
   *
   * @param scope what the client asks for; all that it has if left out.
   * @throws OAuthError `invalid_scope`.
   */
  clientCredentials(client: ClientRow, scope: string | undefined): OAuthTokenResponse {
    const wanted = wantedScopes(scope);
    try {
      return response(this.serviceTokens.issue(client, wanted));
    } catch (error) {
      throw asScopeError(error);
    }
  }

  /**
   * A renewal (RFC 6749 §6) by the rules of `docs/rotation.md`, for sessions with the body transport.
   *
   * @throws Problem `refresh_token_invalid`; OAuthError `invalid_scope`, `invalid_target`, which consume nothing.
   */
  async refresh({
    refreshToken,
    scope,
    audience,
    idempotencyKey,
  }: RefreshGrant): Promise<{ outcome: RefreshOutcome; answer: OAuthTokenResponse }> {
    const scopes = wantedScopes(scope);
    const claims = this.refreshTokens.tryReadForRenewal(refreshToken);
    if (claims === undefined) throw refreshTokenInvalid('not genuine');
    try {
      const narrowing = { scopes, audience };
      const renewed = await this.renewal.renew({
        claims,
        transport: 'body',
        idempotencyKey,
        ...narrowing,
      });
      const { access, refresh, outcome } = renewed;
      return { outcome, answer: { ...response(access), refresh_token: refresh.token } };
    } catch (error) {
      throw asScopeError(error);
    }
  }
}

function response({ token, expiresIn, scope }: MintedAccessToken): OAuthTokenResponse {
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: expiresIn,
    ...(scope === '' ? {} : { scope }),
  };
}

function wantedScopes(scope: string | undefined): readonly string[] | undefined {
  if (scope === undefined) return undefined;
  const scopes = scopeList(scope);
  if (scopes === undefined) {
    throw new OAuthError('invalid_scope', 'The scope must be a space-separated list of names.');
  }
  return scopes;
}

function asScopeError(error: unknown): unknown {
  if (error instanceof UnknownAudience) {
    return new OAuthError('invalid_target', 'The audience is not configured here.');
  }
  if (!(error instanceof ScopeExceeded)) return error;
  return new OAuthError('invalid_scope', 'More scopes are asked for than there are to give.');
}
