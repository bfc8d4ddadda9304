import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type AccessTokenClaims, isServiceToken } from '../contract/claims.js';
import { Problem } from '../http/problem.js';
import { verifiedCaller } from '../http/verified-caller.js';
import { UsersService } from './users.service.js';

const CURRENT_ROLES = 'latchkey:current-roles';

/**
 * Asks for a user who has one of these roles now, whatever the token says: a role that was taken away or given counts
 * at once. A token that was narrowed has no roles and opens nothing here.
 */
export const CurrentRoles = (...roles: readonly string[]) => SetMetadata(CURRENT_ROLES, roles);

/**
 * Denies by default. The application's access-token guard verifies tokens and runs before this one; but in a
 * host application that does not guard every route it never runs, and these routes would stand open. Only what
 * that guard has let pass counts: another guard's `request.user` does not. Does not verify a token itself.
 */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly users: UsersService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<{ user?: unknown }>();
    const claims = verifiedCaller(request);
    if (claims === undefined || isServiceToken(claims)) throw missing();
    request.user = claims;
    const targets = [context.getHandler(), context.getClass()];
    const wanted = this.reflector.getAllAndOverride<string[] | undefined>(CURRENT_ROLES, targets);
    if (wanted === undefined || (await this.#has(claims, wanted))) return true;
    throw new Problem('forbidden', {
      headers: { 'WWW-Authenticate': 'Bearer realm="latchkey", error="insufficient_scope"' },
    });
  }

  async #has(claims: AccessTokenClaims, wanted: readonly string[]): Promise<boolean> {
    if (claims.roles.length === 0) return false;
    const user = await this.users.findById(claims.sub);
    return user !== null && wanted.some((role) => user.roles.includes(role));
  }
}

function missing(): Problem {
  return new Problem('token_missing', {
    headers: { 'WWW-Authenticate': 'Bearer realm="latchkey"' },
    logDetail: 'no guard has verified an access token: see guardEveryRoute',
  });
}
