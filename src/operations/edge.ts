import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { malformed } from '../http/json-form.js';
import { hasBody } from '../http/json-only.guard.js';
import { prefersHtml } from '../http/prefers-html.js';
import { Problem } from '../http/problem.js';
import { installBodyParsers } from './body-parsers.js';
import { corsRules, isPermittedPreflight } from './cors.js';
import { addVary, PlainPages } from './plain-pages.js';
import { sendProblem } from './raw-errors.js';
import { pathOf, RouteTable } from './route-table.js';
import { securityHeaders } from './security-headers.js';

/**
 * The standalone service's rules for every request, before any route is asked: identification, headers,
 * CORS, then what is refused outright. Must be called before Nest registers its first route.
 */
export function installEdge(instance: FastifyInstance, config: LatchkeyConfig): void {
  const routes = new RouteTable();
  const pages = new PlainPages(config);
  installBodyParsers(instance);
  // An expectation we don't know is no reason to refuse (RFC 9110 §10.1.1); Node would, without a body.
  instance.server.on('checkExpectation', (request, response) =>
    instance.server.emit('request', request, response),
  );
  instance.addHook('onRoute', ({ url, method }) => routes.add(url, method));
  const headers = { ...securityHeaders(config.publicUrl), 'cache-control': 'no-store' };
  instance.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id);
    done();
  });
  void instance.register(
    asRoot(async (root) => {
      await root.register(cors, { delegator: corsRules(config) });
      root.addHook('onRequest', (request, reply, done) => {
        const problem = refusal(request) ?? astray(request, routes, config);
        if (problem?.code === 'not_found') addVary(reply, 'Origin', 'Accept');
        if (problem === undefined) done();
        else if (isLostVisitor(request, problem)) pages.send(reply, 404, pages.notFound());
        else sendProblem(reply, problem, config.publicUrl);
      });
    }),
  );
}

/** Registers on the root itself, as fastify-plugin does, so that the hooks hold for every route. */
function asRoot(plugin: (root: FastifyInstance) => Promise<void>) {
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/** What no route should have to think of (RFC 9112 §3.2 for `Host`). */
function refusal({ raw }: FastifyRequest): Problem | undefined {
  const hosts = hostsOf(raw.rawHeaders);
  if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1')) {
    return malformed('There must be one Host header.');
  }
  const url = raw.url ?? '';
  if (url.includes('%00')) return malformed('The URL holds a NUL character.');
  if (!isDecodable(url)) return malformed('The URL is not UTF-8.');
  const coding = raw.headers['content-encoding'] ?? 'identity';
  return coding.toLowerCase() === 'identity' || !hasBody(raw.headers)
    ? undefined
    : new Problem('unsupported_media_type', { detail: 'Send the body uncompressed.' });
}

/** How many `Host` headers there are: Node keeps only the first in `headers`. */
function hostsOf(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}

function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/** Whether somebody looks with a browser at a path that is unknown. */
function isLostVisitor({ raw }: FastifyRequest, problem: Problem): boolean {
  const looks = raw.method === 'GET' || raw.method === 'HEAD';
  return problem.code === 'not_found' && looks && prefersHtml(raw.headers.accept);
}

/** 404 for an unknown path; 405 for a known one that does not take this method (RFC 9110 §15.5.6). */
function astray(
  request: FastifyRequest,
  routes: RouteTable,
  config: LatchkeyConfig,
): Problem | undefined {
  const { method } = request.raw;
  const unmatched = request.is404 || (method === 'OPTIONS' && request.routeOptions.url === '*');
  if (!unmatched || isPermittedPreflight(config, request)) return undefined;
  const methods = routes.methodsOf(pathOf(request.raw.url ?? ''));
  return methods.length === 0
    ? new Problem('not_found')
    : new Problem('method_not_allowed', { headers: { Allow: methods.join(', ') } });
}
