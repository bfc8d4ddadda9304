import {
  Delete,
  Get,
  Header,
  HttpCode,
  Patch,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { UserView } from '../contract/responses.js';
import { CurrentUser } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Cookies } from '../http/cookies.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { RequestContexts } from '../http/request-context.js';
import { StrictBody } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { Reauthentication } from '../passwords/reauthentication.js';
import { CallerGuard } from './caller.guard.js';
import { UserDto } from './user.dto.js';
import { userView } from './user-view.js';
import { DeleteMeDto, UpdateMeDto } from './users.dto.js';
import { UsersService } from './users.service.js';

/** The signed-in user's own account. */
@ApiTags('users')
@ApiBearerAuth()
@LatchkeyController('users/me')
@UseGuards(CallerGuard)
@UseFilters(ProblemFilter)
export class MeController {
  constructor(
    private readonly users: UsersService,
    private readonly reauthentication: Reauthentication,
    private readonly cookies: Cookies,
    private readonly requests: RequestContexts,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'The signed-in user' })
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('token_missing', 'token_invalid')
  async read(@CurrentUser() claims: AccessTokenClaims): Promise<UserView> {
    return userView(await this.users.get(claims.sub));
  }

  @Patch()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Change name and user name of the signed-in user; null clears' })
  @ApiOkResponse({ type: UserDto })
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid', 'username_taken')
  async update(
    @CurrentUser() claims: AccessTokenClaims,
    @StrictBody() body: UpdateMeDto,
  ): Promise<UserView> {
    return userView(await this.users.update(claims.sub, body));
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete the signed-in user, who gives the password once more' })
  @ApiNoContentResponse()
  @ApiProblems(
    'validation_failed',
    'token_missing',
    'token_invalid',
    'reauthentication_required',
    'last_admin',
    'rate_limited',
    'overloaded',
  )
  async remove(
    @CurrentUser() claims: AccessTokenClaims,
    @StrictBody() { password }: DeleteMeDto,
    @Req() request: object,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const { passwordHash } = await this.users.get(claims.sub);
    const { ip } = this.requests.of(request);
    const who = { userId: claims.sub, sessionId: claims.sid, ip };
    await this.reauthentication.assert(who, password, passwordHash);
    await this.users.remove(claims.sub);
    this.cookies.clear(response);
  }
}
