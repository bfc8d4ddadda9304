import type { Session } from './session.repository.js';

/** A refresh token of this session as it was presented. */
export interface Presented {
  generation: number;
  /** Digest of the request's `Idempotency-Key`. */
  retryKey: string | null;
}

/**
 * What a presented refresh token asks for:
 * - `advance`: it is the current one; move the session to the next generation;
 * - `replay`: a retry of the request that made the current one; give the same answer again;
 * - `reuse`: it was replaced before that; somebody has a copy: end the session;
 * - `reject`: the session is over.
 */
export type Verdict = 'advance' | 'replay' | 'reuse' | 'reject';

/**
 * The rules of rotation (`docs/rotation.md`), as a function of the session and the presented token alone.
 * A current token that was presented has moved the session on, so the successor of the immediate
 * predecessor has, by that alone, never been presented.
 *
 * @param now milliseconds. A clock that was set back only lengthens the window.
 * @param retryWindow milliseconds; 0 turns the window off, not the retries with the same key.
 */
export function judge(
  session: Session,
  presented: Presented,
  now: number,
  retryWindow: number,
): Verdict {
  if (session.endedAt !== null || session.expiresAt <= now) return 'reject';
  if (presented.generation === session.generation) return 'advance';
  if (presented.generation !== session.generation - 1) return 'reuse';
  const sameRequest = presented.retryKey !== null && presented.retryKey === session.retryKey;
  const inWindow = retryWindow > 0 && now - session.rotatedAt <= retryWindow;
  return sameRequest || inWindow ? 'replay' : 'reuse';
}
