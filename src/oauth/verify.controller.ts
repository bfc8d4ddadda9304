import { Controller, Get, Header, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AccessTokenGuard } from '../auth/access-token.guard.js';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { ServiceTokens } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Problem } from '../http/problem.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { type Demands, demandsOf } from './demands.js';
import { TokensOfServices } from './tokens-of-services.js';

type Claims = AccessTokenClaims | ServiceTokenClaims;

const text = { schema: { type: 'string' } } as const;

/** Forward-auth: a proxy asks here, for every request, whether it may let that request through. */
@ApiTags('For other services')
@ApiBearerAuth()
@Controller('auth/verify')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class VerifyController {
  constructor(
    private readonly serviceTokens: TokensOfServices,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @ServiceTokens()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Forward-auth for nginx, Traefik and others',
    description: 'Takes the tokens of users (also from the access cookie) and of services.',
  })
  @ApiQuery({
    name: 'role',
    required: false,
    isArray: true,
    description: 'A role that the user must have; all of them if repeated.',
  })
  @ApiQuery({
    name: 'scope',
    required: false,
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
  @ApiProblems('validation_failed', 'token_missing', 'token_invalid', 'forbidden')
  async verify(
    @Req() request: { user: Claims },
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const { httpAdapter } = this.adapterHost;
    const claims = request.user;
    const demands = demandsOf(String(httpAdapter.getRequestUrl(request)));
    if (isServiceToken(claims) && !(await this.serviceTokens.stands(claims))) {
      throw refusal('token_invalid', 'error="invalid_token"');
    }
    assertMeets(claims, demands);
    const headers = Object.entries(identity(claims));
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
  }
}

/** RFC 6750 §3.1: tells which scopes would do. */
function assertMeets(claims: Claims, demands: Demands): void {
  const { roles = [] } = claims;
  const scopes = claims.scope.split(' ');
  if (!demands.scopes.every((scope) => scopes.includes(scope))) {
    const wanted = demands.scopes.join(' ');
    throw refusal('forbidden', `error="insufficient_scope", scope="${wanted}"`);
  }
  if (!demands.roles.every((role) => roles.includes(role))) {
    throw refusal('forbidden', 'error="insufficient_scope"');
  }
}

function refusal(code: 'token_invalid' | 'forbidden', parameters: string): Problem {
  return new Problem(code, {
    headers: { 'WWW-Authenticate': `Bearer realm="latchkey", ${parameters}` },
  });
}

/** An empty header is set too: what the client itself sent under that name must not get through. */
function identity(claims: Claims): Record<string, string> {
  const { sub, scope } = claims;
  const common = { 'X-Auth-Subject': sub, 'X-Auth-Scope': scope };
  if (isServiceToken(claims)) return { ...common, 'X-Auth-Roles': '' };
  return { ...common, 'X-Auth-Session': claims.sid, 'X-Auth-Roles': claims.roles.join(',') };
}
