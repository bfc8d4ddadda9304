/** How a session's refresh token travels: in JSON bodies, or in an HttpOnly cookie. */
export const TRANSPORTS = ['body', 'cookie'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A user as the outside sees one. Times are RFC 3339, `null` where unset. */
export interface UserView {
  id: string;
  email: string;
  emailVerified: boolean;
  username: string | null;
  name: string | null;
  roles: string[];
  createdAt: string;
}

/** A user as administrators see one. */
export interface AdminUserView extends UserView {
  disabled: boolean;
  /** Until when the password rests after 100 failures in a row; `null` if it does not. */
  lockedUntil: string | null;
}

/** The answer to a sign-in, a registration and a renewal. Lifetimes are in seconds. */
export interface TokenResponse {
  tokenType: 'Bearer';
  accessToken: string;
  expiresIn: number;
  /** Left out when the session's transport is the cookie. */
  refreshToken?: string;
  refreshExpiresIn: number;
  sessionId: string;
  user: UserView;
}

/** One of a user's sessions as listed to that user or to an administrator. */
export interface SessionView {
  id: string;
  current: boolean;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  ip: string | null;
  userAgent: string | null;
  device: string | null;
}

/** What `Refresh-Outcome` says about a renewal. */
export type RefreshOutcome = 'rotated' | 'replayed' | 'rejected';
