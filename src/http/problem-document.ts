import { type ProblemDetails, PROBLEMS } from '../contract/problems.js';
import { isOAuthEndpoint, type OAuthErrorDocument, oauthError } from './oauth-error.js';
import type { Problem } from './problem.js';

/** Media type of errors (RFC 9457 §6.1). */
export const PROBLEM_TYPE = 'application/problem+json';

/** Seconds after which a client may try again, where a problem does not say. */
const RETRY_AFTER: Readonly<Record<string, string>> = {
  storage_unavailable: '2',
  overloaded: '1',
  rate_limited: '10',
};

/** The body of an error (RFC 9457 §3). Says nothing of what went wrong inside. */
export function problemDocument(
  problem: Problem,
  publicUrl: string,
  requestId: string,
): ProblemDetails {
  const { code, extra } = problem;
  const { title, status } = PROBLEMS[code];
  return {
    type: `${publicUrl}/problems/${code}`,
    title,
    status,
    detail: extra.detail ?? title,
    code,
    requestId,
    ...(extra.errors === undefined ? {} : { errors: [...extra.errors] }),
  };
}

/** The headers that go with an error. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const wait = RETRY_AFTER[problem.code];
  return {
    'Content-Type': PROBLEM_TYPE,
    'Cache-Control': 'no-store',
    ...(wait === undefined ? {} : { 'Retry-After': wait }),
    ...problem.extra.headers,
  };
}

/** A problem as it goes over the wire. */
export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: ProblemDetails | OAuthErrorDocument;
}

/** How a request to this URL is told of a problem: OAuth's endpoints have a language of their own. */
export function errorAnswer(
  problem: Problem,
  url: string,
  publicUrl: string,
  requestId: string,
): ErrorAnswer {
  const headers = { ...problemHeaders(problem), 'X-Request-Id': requestId };
  if (isOAuthEndpoint(url)) {
    const oauth = { 'Content-Type': 'application/json', Pragma: 'no-cache' };
    return { ...oauthError(problem), headers: { ...headers, ...oauth } };
  }
  const status = problem.getStatus();
  return {
    status,
    headers: { ...headers, ...renewalHeaders(url, status) },
    body: problemDocument(problem, publicUrl, requestId),
  };
}

/** Below `/auth/verify/` stands somebody else's path. */
const RENEWAL = /^(?![^?#]*\/auth\/verify\/)[^?#]*\/auth\/refresh([?#]|$)/;

/** Every refusal of a renewal says that it was rejected, even one that no controller has seen. */
function renewalHeaders(url: string, status: number): Record<string, string> {
  return RENEWAL.test(unescaped(url)) && status < 500 ? { 'Refresh-Outcome': 'rejected' } : {};
}

/** The path may be written with escapes that the router undoes. */
function unescaped(url: string): string {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}
