import { Get, Header, HttpCode, Options, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { AccessTokenGuard } from '../auth/access-token.guard.js';
import { LetsPreflightsPass, Public, ServiceTokens } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Preflights } from '../http/preflight.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { demandsOf } from './demands.js';
import { type Claims, ForwardAuth } from './forward-auth.js';

const text = { schema: { type: 'string' } } as const;

/** Forward-auth: a proxy asks here, for every request, whether it may let that request through. */
@ApiTags('For other services')
@ApiBearerAuth()
@LatchkeyController('auth/verify')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class VerifyController {
  constructor(
    private readonly forwardAuth: ForwardAuth,
    private readonly preflights: Preflights,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @ServiceTokens()
  @LetsPreflightsPass()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Forward-auth for nginx, Traefik and others',
    description: 'Takes the tokens of users (also from the access cookie) and of services.',
  })
  @ApiQuery({
    name: 'role',
    required: false,
    type: String,
    isArray: true,
    description: 'A role that the user must have; all of them if repeated.',
  })
  @ApiQuery({
    name: 'scope',
    required: false,
    type: String,
    isArray: true,
    description: 'A scope that the token must have; all of them if repeated.',
  })
  @ApiOkResponse({
    description: 'Let it through.',
    headers: {
      'X-Auth-Subject': { ...text, description: 'User id, or the id of the service client.' },
      'X-Auth-Session': { ...text, description: 'Not for service tokens.' },
      'X-Auth-Roles': { ...text, description: 'Comma-separated.' },
      'X-Auth-Scope': { ...text, description: 'Space-separated.' },
    },
  })
  @ApiNoContentResponse({ description: 'A preflight, which bears no token: let it through.' })
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid', 'forbidden')
  async verify(
    @Req() request: { user: Claims },
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const { httpAdapter } = this.adapterHost;
    if (this.preflights.has(request)) {
      httpAdapter.status(response, 204);
      return;
    }
    const demands = demandsOf(String(httpAdapter.getRequestUrl(request)));
    const headers = await this.forwardAuth.admit(request.user, demands);
    for (const [name, value] of Object.entries(headers)) {
      httpAdapter.setHeader(response, name, value);
    }
  }

  /** What a gateway asks about a preflight with its own method. */
  @Options()
  @Public()
  @HttpCode(204)
  @ApiExcludeEndpoint()
  preflight(): void {}
}
