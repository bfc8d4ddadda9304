import { Delete, Get, Header, HttpCode, Param, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import { CurrentUser } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Problem } from '../http/problem.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { StrictQuery } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { ListSessionsDto, SessionListDto } from '../sessions/session.dto.js';
import { SessionList, type SessionPage } from '../sessions/session-list.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokenGuard } from './access-token.guard.js';

/** A user's own sessions: where he is signed in. */
@ApiTags('auth')
@ApiBearerAuth()
@LatchkeyController('auth/sessions')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    private readonly sessionList: SessionList,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the sessions of the signed-in user' })
  @ApiOkResponse({ type: SessionListDto })
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid')
  async list(
    @StrictQuery() { cursor }: ListSessionsDto,
    @CurrentUser() claims: AccessTokenClaims,
  ): Promise<SessionPage> {
    return this.sessionList.page(claims.sub, { currentId: claims.sid, cursor });
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End one session of the signed-in user' })
  @ApiNoContentResponse()
  @ApiProblems('token_missing', 'token_invalid', 'not_found')
  async end(@CurrentUser() claims: AccessTokenClaims, @Param('id') id: string): Promise<void> {
    const ended = await this.sessions.endOne(claims.sub, id, 'ended_by_user');
    if (!ended) throw new Problem('not_found');
  }
}
