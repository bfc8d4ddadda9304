import { All, Header, HttpCode, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiExcludeController } from '@nestjs/swagger';
import { AccessTokenGuard } from '../auth/access-token.guard.js';
import { LetsPreflightsPass, ServiceTokens } from '../http/access.decorators.js';
import { Preflights } from '../http/preflight.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { type Claims, ForwardAuth } from './forward-auth.js';

/**
 * Forward-auth for Envoy's `ext_authz` over HTTP, which asks with the method of the original request and
 * puts its path, query included, behind ours. So the query is not for us, and nothing can be demanded. Envoy takes 200 for
 * a yes and nothing else, also for a preflight.
 */
@ApiExcludeController()
@LatchkeyController('auth/verify')
@UseGuards(AccessTokenGuard)
@UseFilters(ProblemFilter)
export class EnvoyController {
  constructor(
    private readonly forwardAuth: ForwardAuth,
    private readonly preflights: Preflights,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @All('*')
  @ServiceTokens()
  @LetsPreflightsPass()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async verify(
    @Req() request: { user: Claims },
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const { httpAdapter } = this.adapterHost;
    if (this.preflights.has(request)) return;
    const headers = await this.forwardAuth.admit(request.user, { roles: [], scopes: [] });
    for (const [name, value] of Object.entries(headers)) {
      httpAdapter.setHeader(response, name, value);
    }
  }
}
