import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import {
  accessDecorator,
  PREFLIGHT_ROUTE,
  PUBLIC_ROUTE,
  REQUIRED_ROLES,
  REQUIRED_SCOPES,
  SERVICE_ROUTE,
} from '../contract/access-metadata.js';
import type { AccessTokenClaims } from '../contract/claims.js';

/** Opens a route or a controller to requests without an access token. */
export const Public = () => accessDecorator(PUBLIC_ROUTE, true);

/**
 * Lets the tokens of services pass too (client credentials); else they get 403. Such a token has no `sid`
 * and no roles, and is good until it expires: whether its client is still registered is not asked.
 */
export const ServiceTokens = () => accessDecorator(SERVICE_ROUTE, true);

/** Lets preflights through to a route that stands for others, as `Preflights` tells them. */
export const LetsPreflightsPass = () => accessDecorator(PREFLIGHT_ROUTE, true);

/** Asks for an access token that carries at least one of these roles; else 403. */
export const Roles = (...roles: readonly string[]) => accessDecorator(REQUIRED_ROLES, roles);

/** Asks for an access token whose `scope` holds every one of these; else 403 (RFC 6750 §3.1). */
export const Scopes = (...scopes: readonly string[]) => accessDecorator(REQUIRED_SCOPES, scopes);

/** The verified claims of the request's access token. */
export const CurrentUser = createParamDecorator(
  (_data: unknown, context: ExecutionContext): AccessTokenClaims =>
    context.switchToHttp().getRequest<{ user: AccessTokenClaims }>().user,
);
