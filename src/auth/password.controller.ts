import { Header, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { TokenResponse } from '../contract/responses.js';
import { CurrentUser } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { RequestContexts } from '../http/request-context.js';
import { StrictBody } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { AccessTokenGuard } from './access-token.guard.js';
import { ChangePasswordDto, TokenResponseDto } from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';
import { PasswordService } from './password.service.js';
import { TokenIssuer } from './token-issuer.js';

/** The signed-in user's password. */
@ApiTags('auth')
@LatchkeyController('auth')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class PasswordController {
  constructor(
    private readonly passwords: PasswordService,
    private readonly issuer: TokenIssuer,
    private readonly requests: RequestContexts,
  ) {}

  @Post('password/change')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiBearerAuth()
  @ApiOperation({
    operationId: 'auth_changePassword',
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
    const changed = await this.passwords.change(claims, body, this.requests.of(request));
    return this.issuer.respond(response, changed);
  }
}
