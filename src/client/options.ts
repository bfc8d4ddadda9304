import type { SessionView, UserView } from '../contract/responses.js';

export type { SessionView };
export type User = UserView;

/**
 * Where the client keeps what must outlive a page: in body mode the refresh token, in both modes the
 * `Idempotency-Key` of a renewal that has not been answered. `localStorage` is one; so is a wrapper of a
 * phone's key store, since the methods may answer with a promise.
 */
export interface TokenStorage {
  getItem(name: string): string | null | Promise<string | null>;
  setItem(name: string, value: string): void | Promise<void>;
  removeItem(name: string): void | Promise<void>;
}

export interface ClientOptions {
  /** Where the service is, with the path prefix it has there; in a page also relative to the page. */
  baseUrl: string;
  /** How the refresh token travels. `cookie`: script never sees it. `body`: it is kept in `storage`. */
  transport: 'cookie' | 'body';
  /**
   * Default: in body mode memory, so a reload signs out; in cookie mode `localStorage`, where nothing but
   * the `Idempotency-Key` goes. Whatever script of the page can read, injected script can read too.
   */
  storage?: TokenStorage;
  /** Other APIs that get the access token as well: origins, each with a path prefix if wanted. */
  origins?: readonly string[];
  /** Default: the global one. */
  fetch?: typeof fetch;
}

/** What happened to the session, here or in another tab. Times are milliseconds of this machine's clock. */
export type Change =
  | { type: 'signed-in'; user: User; accessToken: string; expiresAt: number }
  | {
      type: 'renewed';
      outcome: 'rotated' | 'replayed';
      user: User;
      accessToken: string;
      expiresAt: number;
    }
  | { type: 'signed-out'; reason: 'logout' | 'refresh_token_invalid' | 'elsewhere' };

export interface Registration {
  email: string;
  password: string;
  username?: string;
  name?: string;
}

export type Credentials = ({ email: string } | { username: string }) & { password: string };

/** A session with the service. Every method can be taken off the object and passed around. */
export interface LatchkeyClient {
  /** Creates an account and signs in. @throws LatchkeyError */
  register(input: Registration): Promise<User>;
  /** @throws LatchkeyError `invalid_credentials` and others. */
  login(input: Credentials): Promise<User>;
  /**
   * Ends the session, in all tabs.
   *
   * @throws LatchkeyError when the service could not be reached: then the session goes on.
   */
  logout(): Promise<void>;
  /** Ends the user's sessions on all devices. @throws LatchkeyError */
  logoutAll(options?: { keepCurrent?: boolean }): Promise<void>;
  /** Where the user is signed in. @throws LatchkeyError */
  sessions(): Promise<SessionView[]>;
  /** @throws LatchkeyError `not_found` */
  endSession(id: string): Promise<void>;
  /** The user's other sessions end. @throws LatchkeyError `reauthentication_required` and others. */
  changePassword(currentPassword: string, newPassword: string): Promise<void>;
  /**
   * Who is signed in, `null` if nobody. The first call restores the session of an earlier page; later ones
   * ask the service, and answer with what was known last while it is out of reach.
   *
   * @throws LatchkeyError when it is not known whether anybody is signed in: `null` would be a guess.
   */
  user(): Promise<User | null>;
  /**
   * As the global `fetch`, with the access token for addresses under `baseUrl` and `origins` only. What is
   * not absolute is relative to `baseUrl`, `/users/me` too. If the token is refused, renews it and sends
   * the request once more. A request that has an `Authorization` of its own is passed on as it is.
   *
   * @throws LatchkeyError when the token had to be renewed and could not be; the reason of `signal` as soon as it is
   * aborted, also while a renewal is waited for, which goes on.
   */
  fetch(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response>;
  /** An access token with some life left, `null` if nobody is signed in. @throws LatchkeyError */
  getAccessToken(): Promise<string | null>;
  /** @returns what takes the listener away again. */
  onChange(listener: (change: Change) => void): () => void;
  /** Stops renewing and listening. The session itself goes on. */
  close(): void;
}
