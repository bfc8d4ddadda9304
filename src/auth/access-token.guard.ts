import { type ExecutionContext, Injectable } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import {
  PUBLIC_ROUTE,
  REQUIRED_ROLES,
  REQUIRED_SCOPES,
  SERVICE_ROUTE,
} from '../http/access.decorators.js';
import { Problem } from '../http/problem.js';
import { TokenRejected } from '../tokens/strict-jwt.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { StrategyPerRequest } from './strategy-per-request.js';

const CHALLENGE = 'Bearer realm="latchkey"';

/** Requests that this guard has let pass already, where it stands both globally and on a controller. */
const passed = new WeakMap<object, AccessTokenClaims | ServiceTokenClaims>();

/**
 * Lets a request pass if it bears a valid access token of a live session that has the roles and scopes
 * which the route asks for; `@Public()` opens a route. Answers as RFC 6750 §3 says. Override the
 * protected methods to customise.
 */
@Injectable()
export class AccessTokenGuard extends AuthGuard() {
  constructor(
    strategy: AccessTokenStrategy,
    private readonly reflector: Reflector,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    super({ defaultStrategy: new StrategyPerRequest(strategy) as never });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.metadata<boolean>(PUBLIC_ROUTE, context) === true) return true;
    const request = context.switchToHttp().getRequest<object>();
    if (!passed.has(request)) await super.canActivate(context);
    this.assertPermitted(passed.get(request), context);
    return true;
  }

  override handleRequest<Claims>(
    error: unknown,
    claims: Claims | false,
    info: unknown,
    context: ExecutionContext,
  ): Claims {
    if (claims) {
      passed.set(context.switchToHttp().getRequest<object>(), claims as never);
      return claims;
    }
    throw this.refusal(error ?? info, context);
  }

  /**
   * Whether the route takes tokens of this kind, and whether their roles and scopes are enough; throws
   * `forbidden` if not.
   */
  protected assertPermitted(
    claims: AccessTokenClaims | ServiceTokenClaims | undefined,
    context: ExecutionContext,
  ): void {
    const service = claims !== undefined && isServiceToken(claims);
    if (service && this.metadata<boolean>(SERVICE_ROUTE, context) !== true) {
      throw this.forbidden(context);
    }
    const roles = this.metadata<string[]>(REQUIRED_ROLES, context) ?? [];
    const scopes = this.metadata<string[]>(REQUIRED_SCOPES, context) ?? [];
    const has = claims === undefined || isServiceToken(claims) ? [] : claims.roles;
    if (roles.length > 0 && !roles.some((role) => has.includes(role))) {
      throw this.forbidden(context);
    }
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
    return reason;
  }

  private forbidden(context: ExecutionContext): Problem {
    return this.challenge('forbidden', ', error="insufficient_scope"', context);
  }

  /** Sets the header itself: a host application's routes have their own exception filter. */
  private challenge(
    code: 'token_missing' | 'token_invalid' | 'forbidden',
    parameters: string,
    context: ExecutionContext,
  ): Problem {
    const response = context.switchToHttp().getResponse<unknown>();
    this.adapterHost.httpAdapter.setHeader(response, 'WWW-Authenticate', CHALLENGE + parameters);
    return new Problem(code);
  }

  private metadata<Value>(key: string, context: ExecutionContext): Value | undefined {
    return this.reflector.getAllAndOverride<Value | undefined>(key, [
      context.getHandler(),
      context.getClass(),
    ]);
  }
}
