/** `typ` header of an access token (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** `typ` header of a status list (draft-ietf-oauth-status-list §5.1). */
export const STATUS_LIST_TYPE = 'statuslist+jwt';

/** `typ` header of a refresh token. */
export const REFRESH_TOKEN_TYPE = 'rt+jwt';

/** The claims of a user's access token (RFC 9068 §2.2). Times are whole seconds since the epoch. */
export interface AccessTokenClaims {
  iss: string;
  sub: string;
  aud: string | string[];
  client_id: string;
  iat: number;
  exp: number;
  jti: string;
  sid: string;
  auth_time: number;
  amr: string[];
  roles: string[];
  /** Space-separated permissions of the roles (RFC 8693 §4.2). */
  scope: string;
  email?: string;
  /** Beside `email`: whether somebody has proved to read mail there. */
  email_verified?: boolean;
  username?: string;
  name?: string;
  /** Where it is published whether the session has ended (draft-ietf-oauth-status-list §6.1). */
  status?: { status_list: StatusListReference };
}

/** A token's bit in a status list. */
export interface StatusListReference {
  /** Which of the list's bits, from 0. */
  idx: number;
  /** The list's address. */
  uri: string;
}

/**
 * The claims of a service's own access token (RFC 9068 §2.2, client credentials). It speaks for a client
 * and no user: there is no session, no role and no sign-in.
 */
export interface ServiceTokenClaims {
  iss: string;
  /** The client, as in `client_id`. */
  sub: string;
  aud: string | string[];
  client_id: string;
  iat: number;
  exp: number;
  jti: string;
  /** Space-separated; of the client's scopes those that it asked for. */
  scope: string;
  sid?: never;
  roles?: never;
}

/** Whether the claims of an access token are those of a service and not of a user. */
export function isServiceToken(
  claims: AccessTokenClaims | ServiceTokenClaims,
): claims is ServiceTokenClaims {
  return !Object.hasOwn(claims, 'sid');
}

/** The claims of a refresh token. Times are whole seconds since the epoch. */
export interface RefreshTokenClaims {
  iss: string;
  aud: string;
  sub: string;
  sid: string;
  /** How often the session had been renewed when this token was issued. */
  gen: number;
  jti: string;
  iat: number;
  exp: number;
}

/** Signature algorithms an access token may carry (RFC 7518 §3.1). */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'ES384', 'HS256'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];
