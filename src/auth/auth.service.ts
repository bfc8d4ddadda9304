import { Inject, Injectable, Logger } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import type { AccessTokenClaims } from '../contract/claims.js';
import type { RefreshOutcome, Transport } from '../contract/responses.js';
import { LatchkeyEvents } from '../events.js';
import { emailKey } from '../http/email.js';
import { Problem } from '../http/problem.js';
import type { RequestInfo } from '../http/request-info.js';
import {
  type Attempt,
  AttemptLimiter,
  checked,
  rateLimited,
} from '../passwords/attempt-limiter.js';
import { networkOf } from '../passwords/network.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordRests } from '../passwords/password-rests.js';
import { Reauthentication } from '../passwords/reauthentication.js';
import { Sessions } from '../sessions/sessions.js';
import type { Session } from '../sessions/session.repository.js';
import { RefreshTokens } from '../tokens/refresh-tokens.js';
import { UserStore, type UserRecord } from '../users/user-store.js';
import { refreshTokenInvalid } from './presented-token.js';
import type { RenewalRequest } from './refresh-token.guard.js';
import * as limits from './sign-in-limits.js';
import { type SignedIn, TokenIssuer } from './token-issuer.js';

export interface Credentials {
  /** Exactly one of the two. */
  email?: string | undefined;
  username?: string | undefined;
  password: string;
}

const KEEP_SEED = { reseed: false };
const NEW_SEED = { reseed: true };

/** Signs in, renews and signs out. Knows no HTTP. */
@Injectable()
export class AuthService {
  private readonly logger = new Logger('Auth');

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly users: UserStore,
    private readonly sessions: Sessions,
    private readonly hasher: PasswordHasher,
    private readonly limiter: AttemptLimiter,
    private readonly rests: PasswordRests,
    private readonly reauthentication: Reauthentication,
    private readonly refreshTokens: RefreshTokens,
    private readonly issuer: TokenIssuer,
    private readonly events: LatchkeyEvents,
  ) {}

  /**
   * Checks the credentials and starts a session. Unknown, wrong, disabled and locked are one answer, and
   * take the same time.
   *
   * @throws Problem `invalid_credentials`, `rate_limited`, `overloaded`.
   */
  async signIn(given: Credentials, transport: Transport, from: RequestInfo): Promise<SignedIn> {
    const user = await this.findUser(given);
    const account = user?.id ?? nameOf(given);
    const attempt = await this.limiter.count([
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
      throw this.limited(wait);
    }
    const locked = here > 0 || anywhere > 0;
    const failure = locked ? undefined : await this.rests.count(account, user !== null);
    const refused = locked || failure?.rests === true || user?.disabled === true;
    const hash = refused ? null : (user?.passwordHash ?? null);
    const network = networkOf(from.ip);
    const verdict = await this.judged(attempt, failure && account, () =>
      this.hasher.verify(given.password, hash, network),
    );
    if (user === null || hash === null || !verdict.ok) {
      await attempt.failed();
      if (user !== null && failure?.restsFrom !== undefined) {
        this.rests.logRest(user.id, failure.restsFrom);
      }
      throw this.refused(user?.id);
    }
    await attempt.succeeded();
    await this.rests.reset(account);
    const kept = await this.upgradeHash(user, verdict.upgraded);
    return this.openSession(kept, given.password, transport, from);
  }

  /** Starts the first session of a user who has just been created. */
  firstSession(
    user: UserRecord,
    password: string,
    transport: Transport,
    from: RequestInfo,
  ): Promise<SignedIn> {
    this.events.tell('registration', { userId: user.id });
    return this.openSession(user, password, transport, from);
  }

  /**
   * Renews by the rules of `docs/rotation.md`. The access token is signed before the session moves, so
   * that nothing which could fail comes after.
   *
   * @throws Problem `refresh_token_invalid`.
   * @throws ScopeExceeded when more scopes are asked for than the user has, UnknownAudience for an audience that is not
   * configured. Nothing is consumed then.
   */
  async renew(request: RenewalRequest): Promise<SignedIn & { outcome: RefreshOutcome }> {
    const { claims } = request;
    const [found, user] = await Promise.all([
      this.sessions.find(claims.sid),
      this.users.findById(claims.sub),
    ]);
    const fault = this.faultOf(request, found, user);
    if (fault !== undefined || found === undefined || user === null) {
      throw this.notRenewed(fault ?? 'unknown');
    }
    const session = await this.sessions.withStatusIndex(found);
    const access = await this.issuer.accessToken(user, session, request);
    const expired = this.refreshTokens.isExpired(claims);
    const presented = { generation: claims.gen, expired };
    const renewal = await this.sessions.renew(session, presented, request.idempotencyKey);
    if (renewal.outcome === 'rejected') throw this.notRenewed('replaced or over');
    this.events.tell('renewal', { outcome: renewal.outcome });
    return { ...this.issuer.issue(user, renewal.session, access), outcome: renewal.outcome };
  }

  /** Ends the session of a refresh token, old or new. One that is of no use ends nothing. */
  async endByRefreshToken(token: string, transport: Transport): Promise<void> {
    const claims = this.refreshTokens.tryReadForRenewal(token);
    if (claims === undefined || this.refreshTokens.isExpired(claims)) return;
    const session = await this.sessions.find(claims.sid);
    if (session === undefined || session.transport !== transport) return;
    if (!this.refreshTokens.matches(claims, session)) return;
    await this.sessions.endOne(session.userId, session.id, 'logout');
  }

  /**
   * Replaces the password and ends the user's other sessions: once before, so that a failure halfway
   * leaves nobody signed in who should not be, and once after, for a sign-in that was under way. This session goes on
   * with a new seed, so that no copy of its earlier refresh tokens is good any more.
   *
   * @throws Problem `reauthentication_required`, `rate_limited`, `overloaded`; `token_invalid` when this session was
   * ended meanwhile: the password is changed then.
   */
  async changePassword(
    claims: AccessTokenClaims,
    currentPassword: string,
    newPassword: string,
    from: RequestInfo,
  ): Promise<SignedIn> {
    const user = await this.reauthenticate(claims, currentPassword, from);
    const hash = await this.hasher.hash(newPassword, networkOf(from.ip));
    const current = { id: claims.sid, userId: user.id };
    if ((await this.sessions.endOthers(current, 'password_changed', KEEP_SEED)) === undefined) {
      throw new Problem('reauthentication_required', { logDetail: 'the session has ended' });
    }
    if (!(await this.users.replacePasswordHash(user.id, user.passwordHash, hash))) {
      throw new Problem('reauthentication_required', { logDetail: 'changed at the same moment' });
    }
    const session = await this.sessions.endOthers(current, 'password_changed', NEW_SEED);
    if (session === undefined) throw new Problem('token_invalid');
    return this.issuer.issue(user, session, await this.issuer.accessToken(user, session));
  }

  /** Counts a registration. @throws Problem `rate_limited`, or `forbidden` where it is closed. */
  async admitRegistration(from: RequestInfo): Promise<void> {
    if (this.config.registration === 'closed') {
      throw new Problem('forbidden', { detail: 'Registration is closed.' });
    }
    const { waits } = await this.limiter.count([limits.registrations(from.ip)]);
    const [wait = 0] = waits;
    if (wait > 0) throw rateLimited(wait);
  }

  /** A check that can't take place, because too much is going on, is no attempt. */
  private async judged<Verdict>(
    attempt: Attempt,
    counted: string | undefined,
    check: () => Promise<Verdict>,
  ): Promise<Verdict> {
    try {
      return await checked(attempt, check);
    } catch (error) {
      if (counted !== undefined) await this.rests.uncount(counted);
      throw error;
    }
  }

  private findUser(given: Credentials): Promise<UserRecord | null> {
    if (given.email !== undefined) return this.users.findByEmail(given.email);
    return this.users.findByUsername(nameOf(given));
  }

  private async reauthenticate(
    { sub: userId, sid: sessionId }: AccessTokenClaims,
    password: string,
    { ip }: RequestInfo,
  ): Promise<UserRecord> {
    const user = await this.users.findById(userId);
    const hash = user?.passwordHash ?? null;
    const who = { userId, sessionId, ip };
    const upgraded = await this.reauthentication.assert(who, password, hash);
    if (user === null) throw new Problem('reauthentication_required');
    return this.upgradeHash(user, upgraded);
  }

  private async upgradeHash(user: UserRecord, better: string | undefined): Promise<UserRecord> {
    if (better === undefined) return user;
    const done = await this.users.replacePasswordHash(user.id, user.passwordHash, better);
    return done ? { ...user, passwordHash: better } : user;
  }

  /**
   * Whoever disables a user or changes a password ends the sessions there are. A sign-in that was under way
   * at that moment has none yet: so the user is looked at once more when the session is there.
   */
  private async openSession(
    user: UserRecord,
    password: string,
    transport: Transport,
    from: RequestInfo,
  ): Promise<SignedIn> {
    const session = await this.sessions.start({ userId: user.id, transport, ...from });
    const still = await this.users.findById(user.id);
    if (still === null || !(await this.stillValid(still, user, password))) {
      await this.sessions.endOne(user.id, session.id, 'superseded_sign_in');
      throw this.refused(user.id);
    }
    this.events.tell('signIn', { result: 'ok', userId: user.id });
    return this.issuer.issue(still, session, await this.issuer.accessToken(still, session));
  }

  private async stillValid(
    now: UserRecord,
    before: UserRecord,
    password: string,
  ): Promise<boolean> {
    if (now.disabled) return false;
    if (now.passwordHash === before.passwordHash) return true;
    return (await this.hasher.verify(password, now.passwordHash)).ok;
  }

  private faultOf(
    { claims, transport }: RenewalRequest,
    session: Session | undefined,
    user: UserRecord | null,
  ): string | undefined {
    if (session === undefined) return 'no such session';
    if (session.userId !== claims.sub) return 'not this user';
    if (!this.refreshTokens.matches(claims, session)) return 'not made from this session';
    if (session.transport !== transport) return 'sent the other way';
    if (user === null || user.disabled) return 'user gone or disabled';
    return undefined;
  }

  private notRenewed(reason: string): Problem {
    this.events.tell('renewal', { outcome: 'rejected' });
    return refreshTokenInvalid(reason);
  }

  private refused(userId: string | undefined): Problem {
    this.events.tell(
      'signIn',
      userId === undefined ? { result: 'refused' } : { result: 'refused', userId },
    );
    return new Problem('invalid_credentials');
  }

  private limited(seconds: number): Problem {
    this.events.tell('signIn', { result: 'limited' });
    this.logger.warn('too many sign-ins from one address');
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
