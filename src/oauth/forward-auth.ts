import { Injectable } from '@nestjs/common';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { CurrentRoles } from '../auth/current-roles.js';
import { Problem } from '../http/problem.js';
import type { Demands } from './demands.js';
import { TokensOfServices } from './tokens-of-services.js';

export type Claims = AccessTokenClaims | ServiceTokenClaims;

/** Decides whether a proxy may let a request through. */
@Injectable()
export class ForwardAuth {
  constructor(
    private readonly serviceTokens: TokensOfServices,
    private readonly currentRoles: CurrentRoles,
  ) {}

  /**
   * Roles that are demanded are asked as they are now, not as the token has them.
   *
   * @param claims of a token that the guard let pass; of services it does not know whether they are still
   * registered.
   * @returns the headers that tell who is there.
   * @throws Problem `token_invalid`, `forbidden`.
   */
  async admit(claims: Claims, demands: Demands): Promise<Record<string, string>> {
    if (isServiceToken(claims) && !(await this.serviceTokens.stands(claims))) {
      throw refusal('token_invalid', 'error="invalid_token"');
    }
    const known = demands.roles.length === 0 ? claims : await this.#withCurrentRoles(claims);
    assertMeets(known, demands);
    return identity(known);
  }

  async #withCurrentRoles(claims: Claims): Promise<Claims> {
    if (isServiceToken(claims)) return claims;
    return { ...claims, roles: [...(await this.currentRoles.of(claims))] };
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

/**
 * Empty roles are told, too: what the client itself sent under that name must not get through. A service has no
 * session to tell of; the proxy has to drop such a header of the client's.
 */
function identity(claims: Claims): Record<string, string> {
  const { sub, scope } = claims;
  const common = { 'X-Auth-Subject': sub, 'X-Auth-Scope': scope };
  if (isServiceToken(claims)) return { ...common, 'X-Auth-Roles': '' };
  return { ...common, 'X-Auth-Session': claims.sid, 'X-Auth-Roles': claims.roles.join(',') };
}
