import { Injectable } from '@nestjs/common';
import { LatchkeyEvents } from '../events.js';
import { Problem } from '../http/problem.js';
import { Sessions } from '../sessions/sessions.js';
import { UserStore } from '../users/user-store.js';
import type { Authentication } from './authentication.js';
import type { SignInContext } from './sign-in-context.js';
import { SignInRequirements } from './sign-in-requirements.js';
import { type SignedIn, TokenIssuer } from './token-issuer.js';

/** Turns an authentication into a session with its tokens. Knows no HTTP. */
@Injectable()
export class SignInService {
  readonly #requirements: SignInRequirements;
  readonly #users: UserStore;
  readonly #sessions: Sessions;
  readonly #tokens: TokenIssuer;
  readonly #events: LatchkeyEvents;

  constructor(
    requirements: SignInRequirements,
    users: UserStore,
    sessions: Sessions,
    tokens: TokenIssuer,
    events: LatchkeyEvents,
  ) {
    this.#requirements = requirements;
    this.#users = users;
    this.#sessions = sessions;
    this.#tokens = tokens;
    this.#events = events;
  }

  /**
   * The only place where a sign-in starts a session. What else it needs is decided before there is one.
   *
   * Closes a race: disabling a user or changing a password ends the sessions that exist at that moment, but a sign-in
   * in progress has not inserted its session yet. So the user is read again after the insert.
   *
   * @throws Problem of a requirement that is not met; `invalid_credentials` if the user was disabled or deleted, or the
   * credential replaced meanwhile.
   */
  async complete(authentication: Authentication, context: SignInContext): Promise<SignedIn> {
    const { user } = authentication;
    await this.#requirements.assertMet(authentication, context);
    const session = await this.#sessions.start({ userId: user.id, ...context });
    const current = await this.#users.findById(user.id);
    const isValid = current?.disabled === false && (await authentication.isStillValid(current));
    if (!isValid) {
      await this.#sessions.endOne(user.id, session.id, 'superseded_sign_in');
      this.#events.tell('signIn', { result: 'refused', userId: user.id });
      throw new Problem('invalid_credentials');
    }
    this.#events.tell('signIn', { result: 'ok', userId: user.id });
    const access = await this.#tokens.accessToken(current, session);
    return this.#tokens.issue(current, session, access);
  }
}
