import {
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Patch,
  Post,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { AdminUserView } from '../contract/responses.js';
import { CurrentUser } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { StrictBody, StrictQuery } from '../http/strict-body.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { ListSessionsDto, SessionListDto } from '../sessions/session.dto.js';
import { SessionList, type SessionPage } from '../sessions/session-list.js';
import { Sessions } from '../sessions/sessions.js';
import { CallerGuard, CurrentRoles } from './caller.guard.js';
import { AdminUserDto } from './user.dto.js';
import type { UserRecord } from './user-store.js';
import { adminUserView } from './user-view.js';
import { CreateUserDto, ListUsersDto, UpdateUserDto, UserPageDto } from './users.dto.js';
import { UsersService } from './users.service.js';

/** Administration of users. */
@ApiTags('administration')
@ApiBearerAuth()
@LatchkeyController('users')
@CurrentRoles('admin')
@UseGuards(CallerGuard)
@UseFilters(ProblemFilter)
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: Sessions,
    private readonly sessionList: SessionList,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List users, the newest first' })
  @ApiOkResponse({ type: UserPageDto })
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid', 'forbidden')
  async list(
    @StrictQuery() wanted: ListUsersDto,
  ): Promise<{ items: AdminUserView[]; nextCursor: string | null }> {
    const { items, nextCursor } = await this.users.list(wanted);
    const rests = await this.users.restsOf(items);
    return { items: items.map((user) => adminUserView(user, rests.get(user.id))), nextCursor };
  }

  @Post()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Create a user, who is not signed in by it' })
  @ApiCreatedResponse({ type: AdminUserDto })
  @ApiProblems(
    'validation_failed',
    'token_missing',
    'token_invalid',
    'forbidden',
    'email_taken',
    'username_taken',
    'overloaded',
  )
  async create(@StrictBody() body: CreateUserDto): Promise<AdminUserView> {
    return this.#view(await this.users.createByAdmin(body));
  }

  @Get(':id')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'One user' })
  @ApiOkResponse({ type: AdminUserDto })
  @ApiProblems('token_missing', 'token_invalid', 'forbidden', 'not_found')
  async read(@Param('id') id: string): Promise<AdminUserView> {
    return this.#view(await this.users.get(id));
  }

  @Patch(':id')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Change a user; a change of roles shows in the next access token' })
  @ApiOkResponse({ type: AdminUserDto })
  @ApiProblems(
    'validation_failed',
    'token_missing',
    'token_invalid',
    'forbidden',
    'not_found',
    'email_taken',
    'username_taken',
    'last_admin',
  )
  async update(@Param('id') id: string, @StrictBody() body: UpdateUserDto): Promise<AdminUserView> {
    return this.#view(await this.users.update(id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a user and end all sessions' })
  @ApiNoContentResponse()
  @ApiProblems('token_missing', 'token_invalid', 'forbidden', 'not_found', 'last_admin')
  async remove(@Param('id') id: string): Promise<void> {
    await this.users.remove(id);
  }

  @Post(':id/unlock')
  @HttpCode(204)
  @ApiOperation({ summary: 'Let a password that rests after too many failures be tried again' })
  @ApiNoContentResponse()
  @ApiProblems('token_missing', 'token_invalid', 'forbidden', 'not_found')
  async unlock(@Param('id') id: string): Promise<void> {
    await this.users.unlock(id);
  }

  @Get(':id/sessions')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'List the sessions of a user' })
  @ApiOkResponse({ type: SessionListDto })
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid', 'forbidden', 'not_found')
  async listSessions(
    @Param('id') id: string,
    @StrictQuery() { cursor }: ListSessionsDto,
    @CurrentUser() claims: AccessTokenClaims,
  ): Promise<SessionPage> {
    const user = await this.users.get(id);
    return this.sessionList.page(user.id, { currentId: claims.sid, cursor });
  }

  @Delete(':id/sessions')
  @HttpCode(204)
  @ApiOperation({ summary: 'End all sessions of a user' })
  @ApiNoContentResponse()
  @ApiProblems('token_missing', 'token_invalid', 'forbidden', 'not_found')
  async endSessions(@Param('id') id: string): Promise<void> {
    const user = await this.users.get(id);
    await this.sessions.endAll(user.id, 'ended_by_admin');
  }

  async #view(user: UserRecord): Promise<AdminUserView> {
    return adminUserView(user, (await this.users.restsOf([user])).get(user.id));
  }
}
