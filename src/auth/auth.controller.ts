import {
  Controller,
  Header,
  HttpCode,
  Post,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { TokenResponse, Transport } from '../contract/responses.js';
import { CurrentUser, Public } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Cookies } from '../http/cookies.js';
import { CrossSiteCheck } from '../http/cross-site.js';
import { normalEmail } from '../http/email.js';
import { memberProblem } from '../http/problem.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { requestInfo } from '../http/request-info.js';
import { StrictBody } from '../http/strict-body.js';
import { networkOf } from '../passwords/network.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.js';
import { Sessions } from '../sessions/sessions.js';
import { UnknownAudience } from '../tokens/access-tokens.js';
import { ScopeExceeded } from '../tokens/scopes.js';
import { UserStore } from '../users/user-store.js';
import { AccessTokenGuard } from './access-token.guard.js';
import {
  ChangePasswordDto,
  LoginDto,
  LogoutAllDto,
  LogoutDto,
  RefreshDto,
  RegisterDto,
  TokenResponseDto,
} from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';
import { AuthService } from './auth.service.js';
import { RefreshTokenGuard, Renewing, type RenewalRequest } from './refresh-token.guard.js';
import { SignOut } from './sign-out.js';
import { TokenIssuer } from './token-issuer.js';

/** Sign-up, sign-in, renewal, sign-out, change of password. */
@ApiTags('auth')
@Controller('auth')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly signOut: SignOut,
    private readonly users: UserStore,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly sessions: Sessions,
    private readonly issuer: TokenIssuer,
    private readonly cookies: Cookies,
    private readonly crossSite: CrossSiteCheck,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Public()
  @Post('register')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Create an account and sign in' })
  @ApiCreatedResponse({ type: TokenResponseDto })
  @ApiProblems(
    'validation_failed',
    'cross_site_request',
    'forbidden',
    'email_taken',
    'username_taken',
    'rate_limited',
    'overloaded',
  )
  async register(
    @StrictBody() body: RegisterDto,
    @Req() request: AuthRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<TokenResponse> {
    const transport = this.transportOf(body, request);
    const from = requestInfo(request);
    await this.auth.admitRegistration(from);
    this.assertGoodPassword('/password', body.password, body);
    const user = await this.users.create({
      email: normalEmail(body.email),
      emailVerified: false,
      username: body.username?.toLowerCase() ?? null,
      name: body.name ?? null,
      roles: ['user'],
      passwordHash: await this.hasher.hash(body.password, networkOf(from.ip)),
    });
    const signedIn = await this.auth.firstSession(user, body.password, transport, from);
    return this.issuer.respond(response, signedIn);
  }

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
    const transport = this.transportOf(body, request);
    const signedIn = await this.auth.signIn(body, transport, requestInfo(request));
    return this.issuer.respond(response, signedIn);
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
    const renewed = await this.auth.renew(renewal).catch((error: unknown) => {
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

  @Post('password/change')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Change the password; the other sessions end',
    description:
      'This session goes on with the tokens of the answer. Earlier refresh tokens of it are refused.',
  })
  @ApiOkResponse({ type: TokenResponseDto })
  @ApiProblems(
    'validation_failed',
    'token_missing',
    'token_invalid',
    'reauthentication_required',
    'rate_limited',
    'overloaded',
  )
  async changePassword(
    @StrictBody() body: ChangePasswordDto,
    @CurrentUser() claims: AccessTokenClaims,
    @Req() request: AuthRequest,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<TokenResponse> {
    const user = await this.users.findById(claims.sub);
    this.assertGoodPassword('/newPassword', body.newPassword, user ?? {});
    const { currentPassword, newPassword } = body;
    const changed = await this.auth.changePassword(
      claims,
      currentPassword,
      newPassword,
      requestInfo(request),
    );
    return this.issuer.respond(response, changed);
  }

  /** Signing in by cookie from another site's page would plant a session in the browser. */
  private transportOf(body: { transport?: Transport }, request: AuthRequest): Transport {
    const transport = body.transport ?? 'body';
    if (transport === 'cookie') this.crossSite.assert(request);
    return transport;
  }

  private assertGoodPassword(
    pointer: string,
    password: string,
    about: { email?: string; username?: string | null; name?: string | null },
  ): void {
    const fault = this.policy.check(password, about);
    if (fault !== undefined) throw memberProblem(pointer, fault);
  }
}

function asNarrowingProblem(error: unknown): unknown {
  if (error instanceof ScopeExceeded) return memberProblem('/scope', 'asks for more than there is');
  if (error instanceof UnknownAudience) return memberProblem('/audience', 'is not configured here');
  return error;
}
