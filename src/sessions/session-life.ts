import type { LatchkeyConfig } from '../config.js';

type Lifetimes = Pick<LatchkeyConfig, 'refreshTokenTtl' | 'sessionMaxAge'>;

/** When a session that is idle from `now` on ends, at the latest at its full age. Milliseconds. */
export function expiryAfter(config: Lifetimes, now: number, createdAt: number): number {
  return Math.min(now + config.refreshTokenTtl * 1000, fullAge(config, createdAt));
}

/** When a session ends however often it is renewed. Milliseconds. */
export function fullAge({ sessionMaxAge }: Lifetimes, createdAt: number): number {
  return createdAt + sessionMaxAge * 1000;
}
