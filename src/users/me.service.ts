import { Injectable } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { type Attempt, AttemptLimiter } from '../passwords/attempt-limiter.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { reauthentications } from '../passwords/reauthentication-limit.js';
import { UsersService } from './users.service.js';

/** What a user does to his own account that asks for the password. */
@Injectable()
export class MeService {
  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly limiter: AttemptLimiter,
  ) {}

  /** @throws Problem `reauthentication_required`, `rate_limited`, `overloaded`, `last_admin`. */
  async remove(id: string, password: string): Promise<void> {
    const { passwordHash } = await this.users.get(id);
    const attempt = await this.limiter.count([reauthentications(id)]);
    const [wait = 0] = attempt.waits;
    if (wait > 0) throw new Problem('rate_limited', { headers: { 'Retry-After': `${wait}` } });
    if (!(await this.#matches(password, passwordHash, attempt))) {
      throw new Problem('reauthentication_required');
    }
    await attempt.forgive();
    await this.users.remove(id);
  }

  /** A check that did not take place, because too much is going on, is no attempt. */
  async #matches(password: string, hash: string | null, attempt: Attempt): Promise<boolean> {
    try {
      return (await this.hasher.verify(password, hash)).ok;
    } catch (error) {
      await attempt.forgive();
      throw error;
    }
  }
}
