import { wrongAccessClaim, wrongServiceClaim } from '../contract/claim-types.js';
import {
  type AccessTokenClaims,
  isServiceToken,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { TokenRejected } from '../contract/strict-jwt.js';
import type { VerifierSettings } from './verifier-options.js';

/** A user's claims, or those of a service that calls in its own name. */
export type VerifiedClaims = AccessTokenClaims | ServiceTokenClaims;

/** How far other clocks may be off (seconds). */
export const LEEWAY = 30;

/** Whether a token is a user's: it has a session, roles and a time of sign-in. */
export function isUser(claims: VerifiedClaims): claims is AccessTokenClaims {
  return !isServiceToken(claims);
}

/**
 * Checks the claims of either kind of token: types, `iss`, `aud`, and the times with 30 s of leeway. NOT the
 * signature, and not whether the session is alive.
 *
 * @throws TokenRejected
 */
export function checkClaims(
  payload: Readonly<Record<string, unknown>>,
  { issuer, audience, clock }: VerifierSettings,
): VerifiedClaims {
  const ofUser = Object.hasOwn(payload, 'sid');
  const wrong = ofUser ? wrongAccessClaim(payload) : wrongServiceClaim(payload);
  if (wrong !== undefined) throw new TokenRejected(`claim ${wrong}`);
  const claims = payload as unknown as VerifiedClaims & { nbf?: number };
  if (claims.iss !== issuer) throw new TokenRejected('iss');
  if (![claims.aud].flat().some((one) => audience.has(one))) throw new TokenRejected('aud');
  const now = clock.now() / 1000;
  if (claims.exp + LEEWAY <= now) throw new TokenRejected('expired');
  if (claims.iat - LEEWAY > now) throw new TokenRejected('issued in the future');
  if (claims.nbf !== undefined && claims.nbf - LEEWAY > now) throw new TokenRejected('nbf');
  return claims;
}
