import { Header, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TokenResponse } from '../contract/responses.js';
import { Public } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { StrictBody } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { AccessTokenGuard } from './access-token.guard.js';
import { RegisterDto, TokenResponseDto } from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';
import { RegistrationService } from './registration.service.js';
import { SignInContexts } from './sign-in-context.js';
import { TokenIssuer } from './token-issuer.js';

/** Sign-up. */
@ApiTags('auth')
@LatchkeyController('auth')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class RegistrationController {
  constructor(
    private readonly registration: RegistrationService,
    private readonly issuer: TokenIssuer,
    private readonly contexts: SignInContexts,
  ) {}

  @Public()
  @Post('register')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'auth_register', summary: 'Create an account and sign in' })
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
    const signedIn = await this.registration.register(body, this.contexts.of(request, body));
    return this.issuer.respond(response, signedIn);
  }
}
