import type { FastifyCorsOptions, FastifyCorsOptionsDelegateCallback } from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { pathOf } from './route-table.js';

const COMMON: FastifyCorsOptions = {
  methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
  exposedHeaders: ['X-Request-Id', 'Refresh-Outcome', 'Retry-After', 'WWW-Authenticate'],
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

/** Who may call from a browser: the listed origins with credentials, any origin for what is public. */
export function corsRules(config: LatchkeyConfig): FastifyCorsOptionsDelegateCallback {
  return (request, done) => {
    const rules = rulesFor(config, request);
    done(null, isPermittedPreflight(config, request) ? { ...rules, preflight: true } : rules);
  };
}

function rulesFor(config: LatchkeyConfig, request: FastifyRequest): FastifyCorsOptions {
  if (isPublic(request)) return FOR_ANYBODY;
  return config.corsOrigins.includes(request.headers.origin ?? '') ? FOR_LISTED : FOR_NOBODY;
}
