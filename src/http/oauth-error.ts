import { type ProblemCode, PROBLEMS } from '../contract/problems.js';
import { Problem, type ProblemOptions } from './problem.js';

/** RFC 6749 §5.2 and §4.1.2.1. */
export const OAUTH_ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  // RFC 8707 §2
  'invalid_target',
  'temporarily_unavailable',
  'server_error',
] as const;
export type OAuthErrorCode = (typeof OAUTH_ERRORS)[number];

/** The body of an error of the OAuth endpoints (RFC 6749 §5.2). */
export interface OAuthErrorDocument {
  error: OAuthErrorCode;
  error_description: string;
}

/** RFC 7617 §2.1: names and passwords are UTF-8. */
const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="latchkey", charset="UTF-8"' };

/** An OAuth endpoint refuses a request: 401 for a client that is not authenticated, else 400. */
export class OAuthError extends Problem {
  /** @param description a public sentence, without quotes. */
  constructor(
    readonly error: OAuthErrorCode,
    description: string,
    extra: ProblemOptions = {},
  ) {
    const refused = error === 'invalid_client';
    super(refused ? 'invalid_credentials' : 'malformed_request', {
      ...extra,
      detail: description,
      ...(refused ? { headers: { ...CHALLENGE, ...extra.headers } } : {}),
    });
  }
}

/** Below `/auth/verify/` stands somebody else's path. */
const ENDPOINT = /^(?!.*\/auth\/verify\/).*\/oauth\/(token|introspect|revoke)$/;

/**
 * Whether a request goes to an endpoint that takes forms and answers as OAuth says.
 *
 * @param url the request's target, which may have escapes that the router undoes.
 */
export function isOAuthEndpoint(url: string): boolean {
  const [path = ''] = url.split(/[?#]/, 1);
  try {
    return ENDPOINT.test(decodeURI(path));
  } catch {
    return false;
  }
}

/** What our own problems are called in OAuth. Anything else is the fault of the request. */
const NAMES: ReadonlyMap<ProblemCode, OAuthErrorCode> = new Map<ProblemCode, OAuthErrorCode>([
  ['refresh_token_invalid', 'invalid_grant'],
  ['storage_unavailable', 'temporarily_unavailable'],
  ['overloaded', 'temporarily_unavailable'],
  ['rate_limited', 'temporarily_unavailable'],
  ['internal_error', 'server_error'],
]);

/** A problem as OAuth endpoints tell it: the status and the body. */
export function oauthError(problem: Problem): { status: number; body: OAuthErrorDocument } {
  const error =
    problem instanceof OAuthError ? problem.error : (NAMES.get(problem.code) ?? 'invalid_request');
  return {
    status: error === 'invalid_grant' ? 400 : problem.getStatus(),
    body: { error, error_description: describable(sentence(problem)) },
  };
}

function sentence({ code, extra }: Problem): string {
  if (code === 'unsupported_media_type') return 'Send a form (application/x-www-form-urlencoded).';
  return extra.errors?.[0]?.detail ?? extra.detail ?? PROBLEMS[code].title;
}

/** RFC 6749 §5.2: printable ASCII but for the quote and the backslash. */
function describable(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x5B\x5D-\x7E]/g, '?');
}
