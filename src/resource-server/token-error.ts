/** What a verification can end in, beside the claims. */
export type TokenErrorCode = 'token_missing' | 'token_invalid' | 'forbidden' | 'issuer_unavailable';

const STATUS: Readonly<Record<TokenErrorCode, number>> = {
  token_missing: 401,
  token_invalid: 401,
  forbidden: 403,
  issuer_unavailable: 503,
};

const SENTENCE: Readonly<Record<TokenErrorCode, string>> = {
  token_missing: 'An access token is required.',
  token_invalid: 'The access token is not valid.',
  forbidden: 'This is not allowed.',
  issuer_unavailable: 'The access token can not be checked at the moment.',
};

/** Seconds after which a request is worth another try. */
const RETRY_AFTER = 5;

export interface TokenErrorOptions {
  /** Scopes that would have been enough (RFC 6750 §3). */
  scopes?: readonly string[];
  cause?: unknown;
}

/**
 * Why a token is not accepted. `code`, `status` and `headers` are the answer to give (RFC 6750 §3);
 * `reason` is for the log and for metrics: one of few fixed phrases, never text of the token.
 */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  /** HTTP status. */
  readonly status: number;
  /** What goes with the answer: `WWW-Authenticate`, or `Retry-After` for a 503. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: TokenErrorCode,
    readonly reason: string,
    realm: string,
    options: TokenErrorOptions = {},
  ) {
    super(SENTENCE[code], options.cause === undefined ? {} : { cause: options.cause });
    this.status = STATUS[code];
    this.headers = headersOf(code, realm, options.scopes ?? []);
  }
}

function headersOf(
  code: TokenErrorCode,
  realm: string,
  scopes: readonly string[],
): Record<string, string> {
  const challenge = `Bearer realm="${realm}"`;
  switch (code) {
    case 'token_missing':
      return { 'WWW-Authenticate': challenge };
    case 'token_invalid':
      return { 'WWW-Authenticate': `${challenge}, error="invalid_token"` };
    case 'forbidden': {
      const scope = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`;
      return { 'WWW-Authenticate': `${challenge}, error="insufficient_scope"${scope}` };
    }
    case 'issuer_unavailable':
      return { 'Retry-After': String(RETRY_AFTER) };
  }
}
