import type { FastifyCorsOptions, FastifyCorsOptionsDelegateCallback } from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { RefusedOrigins } from './refused-origins.js';
import { requestedHeaders } from './requested-headers.js';
import { pathOf } from './route-table.js';

const COMMON: FastifyCorsOptions = {
  methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
  exposedHeaders: [
    'Access-Cookie',
    'X-Request-Id',
    'Refresh-Outcome',
    'Retry-After',
    'WWW-Authenticate',
  ],
  maxAge: 600,
};
const FOR_ANYBODY: FastifyCorsOptions = {
  ...COMMON,
  preflight: false,
  origin: '*',
  credentials: false,
};
const FOR_LISTED: FastifyCorsOptions = {
  ...COMMON,
  preflight: false,
  origin: true,
  credentials: true,
};
const FOR_NOBODY: FastifyCorsOptions = { ...FOR_LISTED, origin: false, credentials: false };

/** Keys, metadata and the client are for everybody, so for pages of any origin; without credentials. */
function isPublic(request: FastifyRequest): boolean {
  const path = pathOf(request.raw.url ?? '');
  return path.startsWith('/.well-known/') || path === '/client.js';
}

/** Whether a request is a preflight (Fetch standard, CORS-preflight request) that has a chance. */
export function isPermittedPreflight(config: LatchkeyConfig, request: FastifyRequest): boolean {
  const { origin } = request.headers;
  return (
    request.raw.method === 'OPTIONS' &&
    origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined &&
    (isPublic(request) || config.corsOrigins.includes(origin))
  );
}

/** Headers that a preflight may always send, whatever it asks for. */
const ALWAYS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'];

/**
 * Who may call from a browser: the listed origins with credentials, any origin for what is public. A preflight gets the
 * headers that it asks for, because tracing and error reporting add some of their own.
 */
export function corsRules(config: LatchkeyConfig): FastifyCorsOptionsDelegateCallback {
  const refused = new RefusedOrigins(config);
  return (request, done) => {
    const rules = rulesFor(config, request);
    if (rules === FOR_NOBODY) refused.note(request.headers.origin);
    done(null, isPermittedPreflight(config, request) ? preflight(rules, request) : rules);
  };
}

function preflight(rules: FastifyCorsOptions, { headers }: FastifyRequest): FastifyCorsOptions {
  const known = new Set(ALWAYS.map((name) => name.toLowerCase()));
  const asked = requestedHeaders(headers['access-control-request-headers']);
  const further = asked.filter((name) => !known.has(name));
  return { ...rules, preflight: true, allowedHeaders: [...ALWAYS, ...further] };
}

function rulesFor(config: LatchkeyConfig, request: FastifyRequest): FastifyCorsOptions {
  if (isPublic(request)) return FOR_ANYBODY;
  return config.corsOrigins.includes(request.headers.origin ?? '') ? FOR_LISTED : FOR_NOBODY;
}
