import type { ExecutionContext } from '@nestjs/common';
import {
  accessDecorator,
  FRESH_ROUTE,
  PUBLIC_ROUTE,
  REQUIRED_ROLES,
  REQUIRED_SCOPES,
} from '../contract/access-metadata.js';
import { claimsOf } from './call-claims.js';
import type { VerifiedClaims } from './claims-check.js';
import { createParamDecorator } from './own-nest.js';

/** Opens a handler or a whole class to calls without an access token. Nothing is verified there. */
export const Public = () => accessDecorator(PUBLIC_ROUTE, true);

/** Asks for an access token that carries at least one of these roles; else 403. */
export const Roles = (...roles: readonly string[]) => accessDecorator(REQUIRED_ROLES, roles);

/** Asks for an access token whose `scope` holds every one of these; else 403 (RFC 6750 §3.1). */
export const Scopes = (...scopes: readonly string[]) => accessDecorator(REQUIRED_SCOPES, scopes);

/**
 * Has the issuer asked about the token at every call (RFC 7662), for what must not happen even a second
 * after a sign-out. `@Fresh(false)` takes a handler out of a class. Costs a round trip; while the issuer is
 * away the answer is 503.
 */
export const Fresh = (fresh = true) => accessDecorator(FRESH_ROUTE, fresh);

/** The verified claims of the call's access token, frozen; undefined on `@Public()` routes. */
export const CurrentUser = createParamDecorator(
  (_data: unknown, context: ExecutionContext): VerifiedClaims | undefined => claimsOf(context),
);
