import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { REQUIRED_ROLES } from '../http/access.decorators.js';
import { Problem } from '../http/problem.js';

/**
 * Denies by default. The application's access-token guard verifies tokens and runs before this one; but in a
 * host application that does not guard every route it never runs, and these routes would stand open. Does
 * not verify anything itself.
 */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const { user } = context.switchToHttp().getRequest<{ user?: unknown }>();
    const roles = rolesOf(user);
    if (roles === undefined) {
      throw new Problem('token_missing', {
        headers: { 'WWW-Authenticate': 'Bearer realm="latchkey"' },
        logDetail: 'no guard has verified an access token: see guardEveryRoute',
      });
    }
    const targets = [context.getHandler(), context.getClass()];
    const wanted = this.reflector.getAllAndOverride<string[] | undefined>(REQUIRED_ROLES, targets);
    if (wanted === undefined || wanted.some((role) => roles.includes(role))) return true;
    throw new Problem('forbidden');
  }
}

/** @returns undefined for anything but the claims of a user's access token. */
function rolesOf(user: unknown): readonly unknown[] | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  if (!('sub' in user && 'sid' in user && 'roles' in user)) return undefined;
  const right = typeof user.sub === 'string' && typeof user.sid === 'string';
  return right && Array.isArray(user.roles) ? user.roles : undefined;
}
