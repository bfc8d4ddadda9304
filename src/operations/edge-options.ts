import type { Server } from 'node:http';
import type { FastifyError, FastifyHttpOptions, FastifyReply, FastifyRequest } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { problemDocument, problemHeaders } from '../http/problem-document.js';
import { requestIdOf } from '../http/request-id.js';
import { BODY_LIMIT } from './body-parsers.js';
import { answerClientError, badUrlProblem } from './raw-errors.js';

/** How the standalone service's Fastify is made. Times are in milliseconds. */
export function edgeOptions(config: LatchkeyConfig): FastifyHttpOptions<Server> {
  return {
    bodyLimit: BODY_LIMIT,
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
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
    frameworkErrors: (error, request, reply) =>
      answerFrameworkError(config, error, request as FastifyRequest, reply as FastifyReply),
  };
}

/** No hook has run for a URL that the router can't read, so the headers are set here. */
function answerFrameworkError(
  config: LatchkeyConfig,
  error: FastifyError,
  { id }: FastifyRequest,
  reply: FastifyReply,
): void {
  const problem = badUrlProblem(error);
  void reply
    .code(problem.getStatus())
    .headers({
      ...problemHeaders(problem),
      'X-Request-Id': id,
      'X-Content-Type-Options': 'nosniff',
    })
    .send(JSON.stringify(problemDocument(problem, config.publicUrl, id)));
}
