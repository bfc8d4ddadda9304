import { Injectable } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { AttemptLimiter, checked, rateLimited } from './attempt-limiter.js';
import { PasswordHasher } from './password-hasher.js';

const LIMIT = { most: 10, seconds: 15 * 60 };

/** The current password, asked for inside a session, on whatever route. Guesses are counted together. */
@Injectable()
export class Reauthentication {
  constructor(
    private readonly hasher: PasswordHasher,
    private readonly limiter: AttemptLimiter,
  ) {}

  /**
   * @param hash null where there is no user to ask about: that takes the same time, and fails.
   * @returns a better hash of the same password, if there is one to be kept.
   * @throws Problem `reauthentication_required`, `rate_limited`, `overloaded`.
   */
  async assert(userId: string, password: string, hash: string | null): Promise<string | undefined> {
    const attempt = await this.limiter.count([{ subject: `reauthenticate:${userId}`, ...LIMIT }]);
    const [wait = 0] = attempt.waits;
    if (wait > 0) throw rateLimited(wait);
    const verdict = await checked(attempt, () => this.hasher.verify(password, hash));
    if (!verdict.ok) throw new Problem('reauthentication_required');
    await attempt.forgive();
    return verdict.upgraded;
  }
}
