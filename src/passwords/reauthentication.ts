import { Injectable } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { AttemptLimiter, checked, rateLimited } from './attempt-limiter.js';
import { networkOf } from './network.js';
import { PasswordHasher } from './password-hasher.js';

export interface Reauthenticating {
  userId: string;
  sessionId: string;
  ip: string | null;
}

/** A stolen access token uses up the tries of its own session, not those of the owner's other ones. */
const PER_SESSION = { most: 10, seconds: 15 * 60 };
const PER_USER = { most: 50, seconds: 15 * 60 };

/** The current password, asked for inside a session, on whatever route. Guesses are counted together. */
@Injectable()
export class Reauthentication {
  constructor(
    private readonly hasher: PasswordHasher,
    private readonly limiter: AttemptLimiter,
  ) {}

  /**
   * @param who the user and the session that asks, and from which address.
   * @param hash null where there is no user to ask about: that takes the same time, and fails.
   * @returns a better hash of the same password, if there is one to be kept.
   * @throws Problem `reauthentication_required`, `rate_limited`, `overloaded`.
   */
  async assert(
    { userId, sessionId, ip }: Reauthenticating,
    password: string,
    hash: string | null,
  ): Promise<string | undefined> {
    const attempt = await this.limiter.count([
      { subject: ['reauthenticate in', sessionId], ...PER_SESSION },
      { subject: ['reauthenticate', userId], ...PER_USER },
    ]);
    const wait = Math.max(...attempt.waits);
    if (wait > 0) throw rateLimited(wait);
    const network = networkOf(ip);
    const verdict = await checked(attempt, () => this.hasher.verify(password, hash, network));
    if (!verdict.ok) throw new Problem('reauthentication_required');
    await attempt.succeeded();
    return verdict.upgraded;
  }
}
