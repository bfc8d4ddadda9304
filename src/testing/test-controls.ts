import type { TokenResponse, Transport, UserView } from '../contract/responses.js';
import type { Defect } from './defects.js';
import type { Fault } from './fault.js';

export type { Fault } from './fault.js';
export type { TokenResponse, Transport, UserView } from '../contract/responses.js';

/** Somebody new. What is left out is made up: every e-mail address only once. */
export interface NewTestUser {
  email?: string;
  emailVerified?: boolean;
  username?: string | null;
  name?: string | null;
  /** Default `["user"]`. */
  roles?: string[];
}

/** Whom to sign in: somebody new, or with `userId` one who is there, on one more device. */
export type WhoToSignIn = (NewTestUser | { userId: string }) & {
  /** How the refresh token travels. Default `body`. */
  transport?: Transport;
};

/** A user who can sign in with this password. */
export type UserWithPassword = UserView & { password: string };

/** A cookie as Playwright's `storageState` and `context.addCookies` want it. */
export interface TestCookie {
  name: string;
  value: string;
  domain: string;
  path: string;
  /** Seconds since the epoch, by this machine's clock. */
  expires: number;
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'Strict' | 'Lax' | 'None';
}

/** What Playwright's `browser.newContext({ storageState })` takes. */
export interface StorageState {
  cookies: TestCookie[];
  origins: { origin: string; localStorage: { name: string; value: string }[] }[];
}

/** A user with a live session. */
export interface SignedIn {
  user: UserView;
  /** As the service answers a sign-in; with the cookie transport without the refresh token. */
  tokens: TokenResponse;
  headers: { authorization: string };
  /** What the service would have set; none with the body transport. */
  cookies: TestCookie[];
  storageState: StorageState;
}

/** A message that the service sent to somebody, instead of leaving the machine. */
export interface OutboxMessage {
  to: string;
  /** What it is for. */
  kind: string;
  /** RFC 3339, by the service's clock. */
  sentAt: string;
  text: string;
  /** The one-time code in it, if there is one. */
  code?: string;
}

/** A service client's credentials. */
export interface TestServiceClient {
  clientId: string;
  clientSecret: string;
}

/**
 * What a test may do to a Latchkey beyond its API. Everything takes effect in the real application and its
 * database; nothing is faked but the time.
 */
export interface TestControls {
  /**
   * Makes a user and a session, or a session of a user who is there, without hashing a password. The user
   * it makes has none: `createUser` makes one who has.
   */
  signInAs(who?: WhoToSignIn): Promise<SignedIn>;

  /** Makes a user with a password. Members that are not acceptable are refused as `POST /users` does. */
  createUser(who?: NewTestUser & { password?: string }): Promise<UserWithPassword>;

  /** Registers a service client. `scope` is space-separated; no `audience`: that of users' tokens. */
  createServiceClient(wanted?: {
    id?: string;
    scope?: string;
    audience?: readonly string[];
  }): Promise<TestServiceClient>;

  /**
   * Moves the service's clock ahead, in strides; after each, what the service does from time to time is
   * done: expired rows are swept, signing keys move to their next stage, status lists are read anew.
   *
   * @param duration such as `11m`, or milliseconds.
   * @throws RangeError
   */
  advance(duration: string | number): Promise<void>;

  /** The service's time: milliseconds since the epoch. */
  now(): Promise<number>;

  /** Moves the clock until no access token issued so far is accepted, leeway included. Sessions live on. */
  expireAccessToken(): Promise<void>;

  /** What was sent, the oldest first. Nothing sends messages yet, so it is empty. */
  outbox(): Promise<OutboxMessage[]>;

  /** Orders something to go wrong. @throws FaultRefused */
  order(fault: Fault): Promise<void>;

  /** Takes back what was ordered and has not happened. Requests that a race holds go on. */
  clearFaults(): Promise<void>;

  /** A new key signs from now on; what the old one signed is still accepted. @throws RotationRefused */
  rotateSigningKey(): Promise<void>;

  /**
   * An access token like this one with one thing wrong, signed where that matters with the service's own
   * key. `revoked` ends the session of the token itself.
   *
   * @param accessToken a good one of a user.
   * @throws Problem `malformed_request` for what is none; `not_found` where the session is gone.
   */
  spoil(accessToken: string, defect: Defect): Promise<string>;

  /** Ends a session at once, as an administrator would. @throws Problem `not_found` for an unknown session. */
  revoke(sessionId: string): Promise<void>;

  /**
   * Begins anew: no users, sessions, service clients, counted attempts, messages and faults, and the
   * machine's time. Signing keys stay; tokens from before are refused.
   */
  reset(): Promise<void>;
}
