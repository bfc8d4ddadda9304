import { Injectable, Logger } from '@nestjs/common';
import { LatchkeyEvents } from '../events.js';
import { emailKey } from '../http/email.js';
import { Problem } from '../http/problem.js';
import type { RequestContext } from '../http/request-context.js';
import {
  type Attempt,
  AttemptLimiter,
  checked,
  rateLimited,
} from '../passwords/attempt-limiter.js';
import { networkOf } from '../passwords/network.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordRests } from '../passwords/password-rests.js';
import { UserStore, type UserRecord } from '../users/user-store.js';
import type { Authentication } from './authentication.js';
import * as limits from './sign-in-limits.js';

/** An account by name, and its password. */
export interface Credentials {
  /** Exactly one of the two. */
  email?: string | undefined;
  username?: string | undefined;
  password: string;
}

/** The sign-in method of passwords. Knows no HTTP, and starts no session. */
@Injectable()
export class PasswordSignIn {
  readonly #logger = new Logger('Auth');
  readonly #users: UserStore;
  readonly #hasher: PasswordHasher;
  readonly #limiter: AttemptLimiter;
  readonly #rests: PasswordRests;
  readonly #events: LatchkeyEvents;

  constructor(
    users: UserStore,
    hasher: PasswordHasher,
    limiter: AttemptLimiter,
    rests: PasswordRests,
    events: LatchkeyEvents,
  ) {
    this.#users = users;
    this.#hasher = hasher;
    this.#limiter = limiter;
    this.#rests = rests;
    this.#events = events;
  }

  /**
   * Checks the credentials. Unknown, wrong, disabled and locked get the same answer after the same time.
   *
   * @throws Problem `invalid_credentials`, `rate_limited`, `overloaded`.
   */
  async authenticate(given: Credentials, from: RequestContext): Promise<Authentication> {
    const user = await this.#findUser(given);
    const account = user?.id ?? nameOf(given);
    const attempt = await this.#limiter.count([
      limits.perAddress(from.ip),
      limits.successesPerAddress(from.ip),
      limits.perAccountAndAddress(account, from.ip),
      limits.perAccount(account),
      limits.successesPerAccount(account),
    ]);
    const [fromHere = 0, signedInFromHere = 0, here = 0, anywhere = 0, signedIn = 0] =
      attempt.waits;
    const wait = Math.max(fromHere, signedInFromHere, signedIn);
    if (wait > 0) {
      await attempt.failed();
      throw this.#limited(wait);
    }
    const locked = here > 0 || anywhere > 0;
    const failure = locked ? undefined : await this.#rests.count(account, user !== null);
    const refused = locked || failure?.rests === true || user?.disabled === true;
    const hash = refused ? null : (user?.passwordHash ?? null);
    const network = networkOf(from.ip);
    const verdict = await this.#verified(attempt, failure && account, () =>
      this.#hasher.verify(given.password, hash, network),
    );
    if (user === null || hash === null || !verdict.ok) {
      await attempt.failed();
      if (user !== null && failure?.restsFrom !== undefined) {
        this.#rests.logRest(user.id, failure.restsFrom);
      }
      throw this.#refused(user?.id);
    }
    await attempt.succeeded();
    await this.#rests.reset(account);
    return this.authenticated(await this.#upgradeHash(user, verdict.upgraded), given.password);
  }

  /** Of somebody whose password has just been verified or set. It holds while the password is the same. */
  authenticated(user: UserRecord, password: string): Authentication {
    return {
      user,
      methods: ['pwd'],
      isStillValid: async ({ passwordHash }) =>
        passwordHash === user.passwordHash ||
        (await this.#hasher.verify(password, passwordHash)).ok,
    };
  }

  /** A check that can't take place, because too much is going on, is no attempt. */
  async #verified<Verdict>(
    attempt: Attempt,
    counted: string | undefined,
    check: () => Promise<Verdict>,
  ): Promise<Verdict> {
    try {
      return await checked(attempt, check);
    } catch (error) {
      if (counted !== undefined) await this.#rests.uncount(counted);
      throw error;
    }
  }

  #findUser(given: Credentials): Promise<UserRecord | null> {
    if (given.email !== undefined) return this.#users.findByEmail(given.email);
    return this.#users.findByUsername(nameOf(given));
  }

  async #upgradeHash(user: UserRecord, better: string | undefined): Promise<UserRecord> {
    if (better === undefined) return user;
    const done = await this.#users.replacePasswordHash(user.id, user.passwordHash, better);
    return done ? { ...user, passwordHash: better } : user;
  }

  #refused(userId: string | undefined): Problem {
    const about = userId === undefined ? {} : { userId };
    this.#events.tell('signIn', { result: 'refused', ...about });
    return new Problem('invalid_credentials');
  }

  #limited(seconds: number): Problem {
    this.#events.tell('signIn', { result: 'limited' });
    this.#logger.warn('too many sign-ins from one address');
    return rateLimited(seconds);
  }
}

/** By what an account is looked up and, where there is none, its guesses are counted. */
function nameOf({ email, username = '' }: Credentials): string {
  return email === undefined ? username.replace(/[A-Z]/g, asciiLower) : emailKey(email);
}

function asciiLower(letter: string): string {
  return letter.toLowerCase();
}
