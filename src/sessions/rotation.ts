import type { Session } from './session.repository.js';

/** A refresh token of this session as it was presented. */
export interface Presented {
  generation: number;
  /** Whether the token's own life is over. The session's may go on. */
  expired: boolean;
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
 * A token that has expired by itself is good for a retry with the same key alone: that of a device that was off. It
 * ends nothing.
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
  const sameRequest = presented.retryKey !== null && presented.retryKey === session.retryKey;
  const isPredecessor = presented.generation === session.generation - 1;
  if (presented.expired) return isPredecessor && sameRequest ? 'replay' : 'reject';
  if (presented.generation === session.generation) return 'advance';
  if (!isPredecessor) return 'reuse';
  const inWindow = retryWindow > 0 && now - session.rotatedAt <= retryWindow;
  return sameRequest || inWindow ? 'replay' : 'reuse';
}

/** Marks a key that was sent with the rotation before as well. No digest begins with it. */
const REPEATED = '!';

/**
 * The digest that is kept for retries of a rotation. A key that came with the rotation before as well is marked, so
 * that it matches no retry: whoever sends a constant key would otherwise be replayed for ever, and theft unnoticed.
 *
 * @param last what the rotation before has kept.
 */
export function keptRetryKey(retryKey: string | null, last: string | null): string | null {
  if (retryKey === null) return null;
  const isRepeated = retryKey === last || REPEATED + retryKey === last;
  return isRepeated ? REPEATED + retryKey : retryKey;
}
