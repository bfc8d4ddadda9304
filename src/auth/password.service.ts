import { Injectable } from '@nestjs/common';
import type { AccessTokenClaims } from '../contract/claims.js';
import { Problem } from '../http/problem.js';
import type { RequestContext } from '../http/request-context.js';
import { networkOf } from '../passwords/network.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.js';
import { Reauthentication } from '../passwords/reauthentication.js';
import { Sessions } from '../sessions/sessions.js';
import { UserStore, type UserRecord } from '../users/user-store.js';
import { type SignedIn, TokenIssuer } from './token-issuer.js';

const KEEP_SEED = { reseed: false };
const NEW_SEED = { reseed: true };

/** The passwords of a change. */
export interface PasswordChange {
  currentPassword: string;
  newPassword: string;
}

/** The signed-in user's password. Knows no HTTP. */
@Injectable()
export class PasswordService {
  readonly #users: UserStore;
  readonly #sessions: Sessions;
  readonly #policy: PasswordPolicy;
  readonly #hasher: PasswordHasher;
  readonly #reauthentication: Reauthentication;
  readonly #tokens: TokenIssuer;

  constructor(
    users: UserStore,
    sessions: Sessions,
    policy: PasswordPolicy,
    hasher: PasswordHasher,
    reauthentication: Reauthentication,
    tokens: TokenIssuer,
  ) {
    this.#users = users;
    this.#sessions = sessions;
    this.#policy = policy;
    this.#hasher = hasher;
    this.#reauthentication = reauthentication;
    this.#tokens = tokens;
  }

  /**
   * Replaces the password and ends the user's other sessions: once before, so that a failure halfway
   * leaves nobody signed in who should not be, and once after, for a sign-in that was in progress. This session goes
   * on with a new seed, so that no copy of its earlier refresh tokens is good any more.
   *
   * @throws Problem `validation_failed` for a weak password, `reauthentication_required`, `rate_limited`, `overloaded`;
   * `token_invalid` when this session was ended meanwhile: the password is changed then.
   */
  async change(
    claims: AccessTokenClaims,
    { currentPassword, newPassword }: PasswordChange,
    from: RequestContext,
  ): Promise<SignedIn> {
    const found = await this.#users.findById(claims.sub);
    this.#policy.assertGood('/newPassword', newPassword, found ?? {});
    const user = await this.#reauthenticated(found, claims, currentPassword, from);
    const hash = await this.#hasher.hash(newPassword, networkOf(from.ip));
    const current = { id: claims.sid, userId: user.id };
    if ((await this.#sessions.endOthers(current, 'password_changed', KEEP_SEED)) === undefined) {
      throw new Problem('reauthentication_required', { logDetail: 'the session has ended' });
    }
    if (!(await this.#users.replacePasswordHash(user.id, user.passwordHash, hash))) {
      throw new Problem('reauthentication_required', { logDetail: 'changed at the same moment' });
    }
    const session = await this.#sessions.endOthers(current, 'password_changed', NEW_SEED);
    if (session === undefined) throw new Problem('token_invalid');
    return this.#tokens.issue(user, session, await this.#tokens.accessToken(user, session));
  }

  async #reauthenticated(
    user: UserRecord | null,
    { sub: userId, sid: sessionId }: AccessTokenClaims,
    password: string,
    { ip }: RequestContext,
  ): Promise<UserRecord> {
    const who = { userId, sessionId, ip };
    const better = await this.#reauthentication.assert(who, password, user?.passwordHash ?? null);
    if (user === null) throw new Problem('reauthentication_required');
    if (better === undefined) return user;
    const done = await this.#users.replacePasswordHash(user.id, user.passwordHash, better);
    return done ? { ...user, passwordHash: better } : user;
  }
}
