import { Header, HttpCode, Post, Req, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBasicAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { AuthRequest } from '../auth/auth-request.js';
import { idempotencyKey } from '../auth/presented-token.js';
import { Public } from '../http/access.decorators.js';
import { type Form, readForm } from '../http/form.js';
import { OAuthError } from '../http/oauth-error.js';
import { asProblem } from '../http/known-errors.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { ClientAuthentication, FIRST_PARTY } from './client-authentication.js';
import { type Introspected, Introspection } from './introspection.js';
import { ApiForm, ApiOAuthErrors } from './oauth.docs.js';
import {
  IntrospectedDto,
  OAuthTokenResponseDto,
  TokenFormDto,
  TokenRequestDto,
} from './oauth.dto.js';
import { type OAuthTokenResponse, TokenGrants } from './token-grants.js';
import { TokenRevocation } from './token-revocation.js';

/** What OAuth clients that know nothing of us speak: forms in, RFC 6749's JSON out. */
@ApiTags('For other services')
@ApiBasicAuth()
@Public()
@LatchkeyController('oauth')
@UseFilters(ProblemFilter)
export class OAuthController {
  constructor(
    private readonly clients: ClientAuthentication,
    private readonly grants: TokenGrants,
    private readonly introspection: Introspection,
    private readonly revocation: TokenRevocation,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary: 'A service’s own token, or a renewal (RFC 6749 §4.4, §6)',
    description:
      '`client_credentials` takes a service client with its secret; `refresh_token` the public first-party `client_id` without one, by the rules of `/auth/refresh`.',
  })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'As for `/auth/refresh`; only for `refresh_token`.',
  })
  @ApiForm(TokenRequestDto)
  @ApiOkResponse({ type: OAuthTokenResponseDto })
  @ApiOAuthErrors()
  async token(
    @Req() request: AuthRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<OAuthTokenResponse> {
    const form = readForm(request);
    switch (needed(form, 'grant_type')) {
      case 'client_credentials':
        return this.clientCredentials(request, form);
      case 'refresh_token':
        return this.refresh(request, form, response);
      default:
        throw new OAuthError('unsupported_grant_type', 'This grant type is not known here.');
    }
  }

  @Post('introspect')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary: 'What a token is worth at this moment (RFC 7662)',
    description:
      'For service clients. A token that is dead, malformed or another client’s own is `{"active":false}` and nothing more.',
  })
  @ApiForm(TokenFormDto)
  @ApiOkResponse({ type: IntrospectedDto })
  @ApiOAuthErrors()
  async introspect(@Req() request: AuthRequest): Promise<Introspected> {
    const form = readForm(request);
    const client = await this.clients.authenticate(request.headers, form);
    return this.introspection.of(needed(form, 'token'), client);
  }

  @Post('revoke')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary: 'End the session of a token, or revoke a service’s own (RFC 7009)',
    description:
      'Possession is the proof: for any service client, or the public first-party `client_id` without a secret.',
  })
  @ApiForm(TokenFormDto)
  @ApiOkResponse({ description: 'Also for a token that is unknown or dead.' })
  @ApiOAuthErrors()
  async revoke(@Req() request: AuthRequest): Promise<void> {
    const form = readForm(request);
    const client = await this.clients.identify(request.headers, form);
    await this.revocation.revoke(needed(form, 'token'), client);
  }

  private async clientCredentials(request: AuthRequest, form: Form): Promise<OAuthTokenResponse> {
    const client = await this.clients.identify(request.headers, form);
    if (client === FIRST_PARTY) {
      throw new OAuthError('unauthorized_client', 'This grant is for clients with a secret.');
    }
    return this.grants.clientCredentials(client, form.get('scope'));
  }

  /** Every answer but a 5xx says what became of the renewal. */
  private async refresh(
    request: AuthRequest,
    form: Form,
    response: unknown,
  ): Promise<OAuthTokenResponse> {
    const tell = (outcome: string) =>
      this.adapterHost.httpAdapter.setHeader(response, 'Refresh-Outcome', outcome);
    try {
      const client = await this.clients.identify(request.headers, form);
      if (client !== FIRST_PARTY) {
        throw new OAuthError('unauthorized_client', 'This grant is for the first-party client.');
      }
      const { outcome, answer } = await this.grants.refresh({
        refreshToken: needed(form, 'refresh_token'),
        scope: form.get('scope'),
        audience: form.get('audience'),
        idempotencyKey: idempotencyKey(request),
      });
      tell(outcome);
      return answer;
    } catch (error) {
      if (asProblem(error).getStatus() < 500) tell('rejected');
      throw error;
    }
  }
}

/** @throws OAuthError `invalid_request` when it is missing. */
function needed(form: Form, name: string): string {
  const value = form.get(name);
  if (value !== undefined) return value;
  throw new OAuthError('invalid_request', `The parameter ${name} is missing.`);
}
