import type { ExecutionContext } from '@nestjs/common';
import { callOf } from './carried-token.js';
import type { VerifiedClaims } from './claims-check.js';

const CLAIMS = Symbol('latchkey:claims');

interface Marked {
  [CLAIMS]?: VerifiedClaims;
}

/**
 * Leaves the claims on what stands for the call: handlers' parameters see another context than the guard.
 * (A property, because an entry in a WeakMap for each request costs several times as much.)
 */
export function setClaims(context: ExecutionContext, verified: VerifiedClaims): void {
  const call: Marked | undefined = callOf(context);
  if (call !== undefined) call[CLAIMS] = verified;
}

/**
 * The claims that the guard has verified for a call; undefined where it has not. On a WebSocket they are those
 * of the connection's last message that was verified.
 */
export function claimsOf(context: ExecutionContext): VerifiedClaims | undefined {
  const call: Marked | undefined = callOf(context);
  return call?.[CLAIMS];
}
