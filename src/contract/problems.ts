/** One kind of error that the service answers with. */
export interface ProblemKind {
  status: number;
  /** The public sentence; the same for every occurrence. */
  title: string;
  /** What a client should do about it; shown on the problem's page. */
  advice: string;
}

/**
 * Every error code there is (RFC 9457): its status, its public sentence, and what to do about it.
 * `docs/errors.md` and the pages under `/problems/` are made from this table.
 */
export const PROBLEMS = {
  validation_failed: {
    status: 400,
    title: 'A member of the request is not acceptable.',
    advice: 'Read `errors`: each entry points at a member and says what is wrong with it.',
  },
  malformed_request: {
    status: 400,
    title: 'The request could not be read.',
    advice: 'Send well-formed JSON in UTF-8, and headers in the form the documentation gives.',
  },
  invalid_credentials: {
    status: 401,
    title: 'The credentials are not valid.',
    advice: 'Ask for the e-mail or user name and the password again.',
  },
  token_missing: {
    status: 401,
    title: 'An access token is required.',
    advice: 'Send `Authorization: Bearer <access token>`.',
  },
  token_invalid: {
    status: 401,
    title: 'The access token is not valid.',
    advice: 'Renew it with the refresh token, then send the request again.',
  },
  refresh_token_invalid: {
    status: 401,
    title: 'The refresh token is not valid.',
    advice: 'The session is over: ask the user to sign in again.',
  },
  cross_site_request: {
    status: 403,
    title: 'The request came from another site.',
    advice: 'Call from the origin of `PUBLIC_URL`, or add the calling origin to `CORS_ORIGINS`.',
  },
  forbidden: {
    status: 403,
    title: 'This is not allowed.',
    advice:
      'The token lacks a role or a scope that the route asks for, or the route is switched off.',
  },
  reauthentication_required: {
    status: 403,
    title: 'The current password is not right.',
    advice: 'Ask for the current password again. The session goes on.',
  },
  not_found: {
    status: 404,
    title: 'There is nothing here.',
    advice: 'Check the path and the identifier in it.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This path does not take that method.',
    advice: 'Use one of the methods named in the `Allow` header.',
  },
  email_taken: {
    status: 409,
    title: 'This e-mail address has an account already.',
    advice: 'Sign in, or use another address.',
  },
  username_taken: {
    status: 409,
    title: 'This user name is taken.',
    advice: 'Choose another user name.',
  },
  last_admin: {
    status: 409,
    title: 'This is the last enabled administrator.',
    advice: 'Make another user an administrator first.',
  },
  payload_too_large: {
    status: 413,
    title: 'The request body is too large.',
    advice: 'Bodies may have up to 64 KiB.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The request body has a media type that this route does not take.',
    advice: 'Send `Content-Type: application/json`, uncompressed.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests.',
    advice: 'Wait for as many seconds as `Retry-After` says.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong here.',
    advice: 'Report it with the `requestId`; the log has the details under it.',
  },
  overloaded: {
    status: 503,
    title: 'Too much is going on right now.',
    advice: 'Wait for as many seconds as `Retry-After` says. Nothing was changed.',
  },
  storage_unavailable: {
    status: 503,
    title: 'The storage cannot be reached right now.',
    advice: 'Wait for as many seconds as `Retry-After` says. Nobody is signed out by it.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One entry of a validation problem's `errors`: a JSON pointer (RFC 6901) and a sentence. */
export interface MemberError {
  pointer: string;
  detail: string;
}

/** The body of an error (RFC 9457). */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  requestId: string;
  errors?: MemberError[];
}
