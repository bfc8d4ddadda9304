import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import { Preflights } from '../http/preflight.js';
import { RouteAccesses } from '../http/route-access.js';
import { Problem } from '../http/problem.js';
import { problemHeaders } from '../http/problem-document.js';
import { setVerifiedCaller, verifiedCaller } from '../http/verified-caller.js';
import { TokenRejected } from '../tokens/strict-jwt.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import type { AuthRequest } from './auth-request.js';
import { StrategyPerRequest } from './strategy-per-request.js';

const CHALLENGE = 'Bearer realm="latchkey"';

type Claims = AccessTokenClaims | ServiceTokenClaims;

/**
 * Lets a request pass if it bears a valid access token of a live session that has the roles and scopes
 * which the route asks for; `@Public()` opens a route. Answers as RFC 6750 §3 says. Override the
 * protected methods to customise.
 */
@Injectable()
export class AccessTokenGuard extends AuthGuard() {
  private readonly routes: RouteAccesses;
  @Inject(Preflights) private readonly preflights!: Preflights;

  constructor(
    private readonly strategy: AccessTokenStrategy,
    reflector: Reflector,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    super({ defaultStrategy: new StrategyPerRequest(strategy) as never });
    this.routes = new RouteAccesses(reflector);
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const { isPublic, letsPreflightsPass } = this.routes.of(context);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<AuthRequest>();
    if (letsPreflightsPass && this.preflights.has(request)) return true;
    // It may have let the request pass already, as it may stand both globally and on a controller.
    if (verifiedCaller(request) === undefined && !(await this.passRemembered(request, context))) {
      await super.canActivate(context);
    }
    this.assertPermitted(verifiedCaller(request), context);
    return true;
  }

  override handleRequest<User>(
    error: unknown,
    claims: User | false,
    info: unknown,
    context: ExecutionContext,
  ): User {
    if (!claims) throw this.refusal(error ?? info, context);
    if (isClaims(claims)) setVerifiedCaller(context.switchToHttp().getRequest<object>(), claims);
    return claims;
  }

  /**
   * A token that Passport has let pass before needs only a live session; most requests bear one. Passport is
   * not asked then: `handleRequest` is called, what Passport puts on a request (`authInfo`, `logIn`) is not there.
   */
  private async passRemembered(request: AuthRequest, context: ExecutionContext): Promise<boolean> {
    try {
      const claims = await this.strategy.recall(request);
      if (claims === undefined) return false;
      request.user = await this.handleRequest(null, claims, undefined, context);
      return true;
    } catch (error) {
      throw this.refusal(error, context);
    }
  }

  /**
   * Whether the route takes tokens of this kind, and whether their roles and scopes are enough; throws
   * `forbidden` if not.
   */
  protected assertPermitted(claims: Claims | undefined, context: ExecutionContext): void {
    const { forServices, roles, scopes } = this.routes.of(context);
    if (claims !== undefined && isServiceToken(claims) && !forServices) {
      throw this.forbidden(context);
    }
    const has = claims === undefined || isServiceToken(claims) ? [] : claims.roles;
    if (roles.length > 0 && !roles.some((role) => has.includes(role))) {
      throw this.forbidden(context);
    }
    if (scopes.length === 0) return;
    const granted = claims?.scope.split(' ') ?? [];
    if (!scopes.every((scope) => granted.includes(scope))) throw this.forbidden(context);
  }

  /** What a request without a valid token is answered with. */
  protected refusal(reason: unknown, context: ExecutionContext): unknown {
    if (reason instanceof Problem) return reason;
    if (!(reason instanceof Error)) return this.challenge('token_missing', '', context);
    if (reason.message === 'No auth token') return this.challenge('token_missing', '', context);
    if (reason instanceof TokenRejected || reason.name === 'JsonWebTokenError') {
      return this.challenge('token_invalid', ', error="invalid_token"', context);
    }
    return reason instanceof StorageUnavailableError ? this.unavailable(reason, context) : reason;
  }

  private forbidden(context: ExecutionContext): Problem {
    return this.challenge('forbidden', ', error="insufficient_scope"', context);
  }

  private unavailable(cause: Error, context: ExecutionContext): Problem {
    const problem = new Problem('storage_unavailable', { cause });
    this.setHeader('Retry-After', `${problemHeaders(problem)['Retry-After']}`, context);
    return problem;
  }

  private challenge(
    code: 'token_missing' | 'token_invalid' | 'forbidden',
    parameters: string,
    context: ExecutionContext,
  ): Problem {
    this.setHeader('WWW-Authenticate', CHALLENGE + parameters, context);
    return new Problem(code);
  }

  /** Not left to the filter: a host application's routes have their own. */
  private setHeader(name: string, value: string, context: ExecutionContext): void {
    const response = context.switchToHttp().getResponse<unknown>();
    this.adapterHost.httpAdapter.setHeader(response, name, value);
  }
}

/** Passport hands on what the strategy has checked. */
function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && 'sub' in value && 'scope' in value;
}
