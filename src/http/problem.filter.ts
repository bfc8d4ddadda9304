import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { asProblem } from './known-errors.js';
import type { Problem } from './problem.js';
import { errorAnswer } from './problem-document.js';
import { requestIdOf } from './request-id.js';
import { noteProblem } from './told-problem.js';

/**
 * Answers every error as `application/problem+json`, at OAuth's endpoints as RFC 6749 §5.2 says. What it does not know becomes `internal_error`: the
 * log has it under the request's id, the answer says nothing of it. Works on Express and on Fastify.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter<unknown> {
  readonly #logger = new Logger('Problem');

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<unknown>();
    const { httpAdapter } = this.adapterHost;
    const problem = asProblem(error);
    const requestId = this.#requestId(http.getRequest<object>(), response);
    noteProblem(http.getRequest<object>(), problem.code);
    this.#log(problem, error, requestId);
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    const url = String(httpAdapter.getRequestUrl(http.getRequest<object>()));
    const answer = errorAnswer(problem, url, this.config.publicUrl, requestId);
    for (const [name, value] of Object.entries(answer.headers)) {
      httpAdapter.setHeader(response, name, value);
    }
    httpAdapter.reply(response, answer.body, answer.status);
  }

  /** As it was settled before us, where it was; the request's own else. */
  #requestId(request: object, response: unknown): string {
    const { httpAdapter } = this.adapterHost;
    const settled: unknown = httpAdapter.getHeader(response, 'X-Request-Id');
    if (typeof settled === 'string') return settled;
    return requestIdOf((request as { headers: IncomingHttpHeaders }).headers);
  }

  #log(problem: Problem, error: unknown, requestId: string): void {
    const { logDetail, cause } = problem.extra;
    const line = `${problem.code} (request ${requestId})`;
    if (problem.code === 'internal_error') {
      const seen = error instanceof Error ? (error.stack ?? error.message) : 'not an Error';
      this.#logger.error(line, seen);
    } else if (problem.getStatus() >= 500) {
      this.#logger.warn(`${line}: ${logDetail ?? reason(cause)}`);
    } else if (logDetail !== undefined) {
      this.#logger.debug(`${line}: ${logDetail}`);
    }
  }
}

/** The innermost message: `StorageUnavailableError` wraps the driver's. */
function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : 'no reason given';
  return cause.cause === undefined ? cause.message : reason(cause.cause);
}
