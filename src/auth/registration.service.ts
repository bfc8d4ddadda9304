import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { LatchkeyEvents } from '../events.js';
import { normalEmail } from '../http/email.js';
import { Problem } from '../http/problem.js';
import { AttemptLimiter, rateLimited } from '../passwords/attempt-limiter.js';
import { networkOf } from '../passwords/network.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.js';
import { UserStore } from '../users/user-store.js';
import { PasswordSignIn } from './password-sign-in.js';
import type { SignInContext } from './sign-in-context.js';
import { SignInService } from './sign-in.service.js';
import * as limits from './sign-in-limits.js';
import type { SignedIn } from './token-issuer.js';

/** What somebody registers with. */
export interface Registration {
  email: string;
  password: string;
  username?: string | null | undefined;
  name?: string | null | undefined;
}

/** Makes accounts for those who register. Knows no HTTP. */
@Injectable()
export class RegistrationService {
  readonly #config: LatchkeyConfig;
  readonly #limiter: AttemptLimiter;
  readonly #policy: PasswordPolicy;
  readonly #hasher: PasswordHasher;
  readonly #users: UserStore;
  readonly #passwords: PasswordSignIn;
  readonly #signIn: SignInService;
  readonly #events: LatchkeyEvents;

  constructor(
    @Inject(CONFIG) config: LatchkeyConfig,
    limiter: AttemptLimiter,
    policy: PasswordPolicy,
    hasher: PasswordHasher,
    users: UserStore,
    passwords: PasswordSignIn,
    signIn: SignInService,
    events: LatchkeyEvents,
  ) {
    this.#config = config;
    this.#limiter = limiter;
    this.#policy = policy;
    this.#hasher = hasher;
    this.#users = users;
    this.#passwords = passwords;
    this.#signIn = signIn;
    this.#events = events;
  }

  /**
   * Creates an account and signs it in. The members must have the right form already.
   *
   * @throws Problem `forbidden` where registration is closed, `rate_limited`, `validation_failed` for a weak password,
   * `overloaded`, `email_taken`, `username_taken`, and what `SignInService.complete` throws.
   */
  async register(wanted: Registration, context: SignInContext): Promise<SignedIn> {
    await this.#admit(context.ip);
    this.#policy.assertGood('/password', wanted.password, wanted);
    const user = await this.#users.create({
      email: normalEmail(wanted.email),
      emailVerified: false,
      username: wanted.username?.toLowerCase() ?? null,
      name: wanted.name ?? null,
      roles: ['user'],
      passwordHash: await this.#hasher.hash(wanted.password, networkOf(context.ip)),
    });
    this.#events.tell('registration', { userId: user.id });
    return this.#signIn.complete(this.#passwords.authenticated(user, wanted.password), context);
  }

  async #admit(ip: string | null): Promise<void> {
    if (this.#config.registration === 'closed') {
      throw new Problem('forbidden', { detail: 'Registration is closed.' });
    }
    const { waits } = await this.#limiter.count([limits.registrations(ip)]);
    const [wait = 0] = waits;
    if (wait > 0) throw rateLimited(wait);
  }
}
