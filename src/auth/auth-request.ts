import type { IncomingHttpHeaders } from 'node:http';

/** What the guards read of a request, on Express and on Fastify alike. */
export interface AuthRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
  user?: unknown;
}

const SCHEME = 'bearer ';

/** The bearer token of the `Authorization` header (RFC 6750 §2.1), whatever it holds. */
export function bearerToken(request: AuthRequest): string | undefined {
  const { authorization = '' } = request.headers;
  if (authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  return authorization.slice(SCHEME.length).trim() || undefined;
}
