import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.js';
import { problemOf } from '../http/told-problem.js';
import { pathOf } from './route-table.js';

/** One line and one observation a request. Neither sees the query, the headers or the body. */
export function installRequestLog(
  instance: FastifyInstance,
  logger: Logger,
  metrics: Metrics,
): void {
  instance.addHook('onResponse', (request, reply, done) => {
    const { method, url } = request.raw;
    const code = problemOf(request.raw);
    const route = request.is404 ? undefined : request.routeOptions.url;
    metrics.observeRequest(`${method}`, route, reply.statusCode, reply.elapsedTime / 1000);
    logger.info(
      {
        requestId: request.id,
        method,
        path: pathOf(url ?? '').slice(0, 256),
        route,
        status: reply.statusCode,
        ...(code === undefined ? {} : { code }),
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request',
    );
    done();
  });
}
