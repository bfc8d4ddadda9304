import type { Limit } from './attempt-limiter.js';

/** Guesses at the current password inside a session, on whatever route: answered 429. */
export function reauthentications(userId: string): Limit {
  return { subject: `reauthenticate:${userId}`, most: 10, seconds: 15 * 60 };
}
