import type { Server } from 'node:http';
import type { FastifyHttpOptions, FastifyReply } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { requestIdOf } from '../http/request-id.js';
import { TrustedProxies } from '../http/trusted-proxies.js';
import { BODY_LIMIT } from './body-parsers.js';
import { answerClientError, badUrlProblem, sendProblem } from './raw-errors.js';

/** How the standalone service's Fastify is made. Times are in milliseconds. */
export function edgeOptions(config: LatchkeyConfig): FastifyHttpOptions<Server> {
  const proxies = new TrustedProxies(config);
  return {
    bodyLimit: BODY_LIMIT,
    trustProxy: config.trustProxy.length > 0 && ((address) => proxies.has(address)),
    genReqId: (request) => requestIdOf(request.headers),
    requestIdHeader: false,
    exposeHeadRoutes: true,
    // A whole request has this long to arrive: who drips bytes holds no connection for ever.
    requestTimeout: 20_000,
    // Longer than the 60 s for which load balancers keep idle connections, so that they close first.
    keepAliveTimeout: 72_000,
    // During shutdown what comes on an open connection is answered, with `Connection: close`.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: 10_000,
      // Node looks for slow requests only every 30 s by default.
      connectionsCheckingInterval: 1_000,
      // We check it ourselves, to answer with a problem document.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => answerClientError(config.publicUrl, error, socket),
    // No hook has run for a URL that the router can't read.
    frameworkErrors: (error, _request, reply) =>
      sendProblem(reply as FastifyReply, badUrlProblem(error), config.publicUrl),
  };
}
