import { Header, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { TokenResponse } from '../contract/responses.js';
import { CurrentUser, Public } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Cookies } from '../http/cookies.js';
import { CrossSiteCheck } from '../http/cross-site.js';
import { memberProblem } from '../http/problem.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { StrictBody } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { Sessions } from '../sessions/sessions.js';
import { UnknownAudience } from '../tokens/access-tokens.js';
import { ScopeExceeded } from '../tokens/scopes.js';
import { AccessTokenGuard } from './access-token.guard.js';
import { LoginDto, LogoutAllDto, LogoutDto, RefreshDto, TokenResponseDto } from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';
import { PasswordSignIn } from './password-sign-in.js';
import { RefreshTokenGuard, Renewing, type RenewalRequest } from './refresh-token.guard.js';
import { RenewalService } from './renewal.service.js';
import { SignInContexts } from './sign-in-context.js';
import { SignInService } from './sign-in.service.js';
import { SignOut } from './sign-out.js';
import { TokenIssuer } from './token-issuer.js';

/** Sign-in, renewal, sign-out. */
@ApiTags('auth')
@LatchkeyController('auth')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class AuthController {
  constructor(
    private readonly passwords: PasswordSignIn,
    private readonly signIn: SignInService,
    private readonly renewal: RenewalService,
    private readonly signOut: SignOut,
    private readonly sessions: Sessions,
    private readonly issuer: TokenIssuer,
    private readonly contexts: SignInContexts,
    private readonly cookies: Cookies,
    private readonly crossSite: CrossSiteCheck,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Sign in with an e-mail address or a user name' })
  @ApiOkResponse({ type: TokenResponseDto })
  @ApiProblems(
    'validation_failed',
    'invalid_credentials',
    'cross_site_request',
    'rate_limited',
    'overloaded',
  )
  async login(
    @StrictBody() body: LoginDto,
    @Req() request: AuthRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<TokenResponse> {
    if ((body.email === undefined) === (body.username === undefined)) {
      throw memberProblem('/email', 'give either email or username');
    }
    const context = this.contexts.of(request, body);
    const authentication = await this.passwords.authenticate(body, context);
    return this.issuer.respond(response, await this.signIn.complete(authentication, context));
  }

  @Public()
  @UseGuards(RefreshTokenGuard)
  @Post('refresh')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Renew: a new pair for the current refresh token' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      '8 to 255 visible ASCII characters. A retry with the same key gets the same answer.',
  })
  @ApiOkResponse({
    type: TokenResponseDto,
    headers: { 'Refresh-Outcome': { schema: { type: 'string', enum: ['rotated', 'replayed'] } } },
  })
  @ApiProblems('validation_failed', 'refresh_token_invalid', 'cross_site_request')
  async refresh(
    @StrictBody() _body: RefreshDto,
    @Renewing() renewal: RenewalRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<TokenResponse> {
    const renewed = await this.renewal.renew(renewal).catch((error: unknown) => {
      throw asNarrowingProblem(error);
    });
    this.adapterHost.httpAdapter.setHeader(response, 'Refresh-Outcome', renewed.outcome);
    return this.issuer.respond(response, renewed);
  }

  /**
   * Another site's form brings no `SameSite` cookie, but the browser would take the cleared one from our answer: it
   * is not cleared for such a request.
   */
  @Public()
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'End the session of the refresh token, else of the access token' })
  @ApiNoContentResponse({ description: 'In every case, also for a dead or missing token.' })
  @ApiProblems('validation_failed', 'cross_site_request')
  async logout(
    @StrictBody() _body: LogoutDto,
    @Req() request: AuthRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    await this.signOut.endSessionOf(request);
    if (this.crossSite.permits(request)) this.cookies.clear(response);
  }

  @Post('logout-all')
  @HttpCode(204)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'End all sessions of the user' })
  @ApiNoContentResponse()
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid')
  async logoutAll(
    @StrictBody() body: LogoutAllDto,
    @CurrentUser() claims: AccessTokenClaims,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const keep = body.keepCurrent === true;
    await this.sessions.endAll(claims.sub, 'logout_all', keep ? claims.sid : undefined);
    if (!keep) this.cookies.clear(response);
  }
}

function asNarrowingProblem(error: unknown): unknown {
  if (error instanceof ScopeExceeded) return memberProblem('/scope', 'asks for more than there is');
  if (error instanceof UnknownAudience) return memberProblem('/audience', 'is not configured here');
  return error;
}
