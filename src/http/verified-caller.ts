import type { AccessTokenClaims, ServiceTokenClaims } from '../contract/claims.js';

type Claims = AccessTokenClaims | ServiceTokenClaims;

/** Beside the request, where no other guard or middleware of a host application can write. */
const callers = new WeakMap<object, Claims>();

/** Called by `AccessTokenGuard` alone, once it has verified the request's token. */
export function setVerifiedCaller(request: object, claims: Claims): void {
  callers.set(request, claims);
}

/** @returns undefined unless `AccessTokenGuard` has let the request pass, whatever `request.user` says. */
export function verifiedCaller(request: object): Claims | undefined {
  return callers.get(request);
}
