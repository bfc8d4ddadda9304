import { setTimeout } from 'node:timers';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { malformed } from '../http/json-form.js';
import { Problem } from '../http/problem.js';
import { errorAnswer, problemDocument, problemHeaders } from '../http/problem-document.js';
import { requestIdOf } from '../http/request-id.js';
import { noteProblem } from '../http/told-problem.js';
import { securityHeaders } from './security-headers.js';

const REASONS: ReadonlyMap<string, readonly [status: number, reason: string, detail: string]> =
  new Map([
    [
      'HPE_HEADER_OVERFLOW',
      [431, 'Request Header Fields Too Large', 'The headers are too large.'] as const,
    ],
    ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout', 'The request took too long.'] as const],
  ]);

/** An answer to what never became a request: status, headers and body. */
function rawAnswer(
  publicUrl: string,
  status: number,
  detail: string,
  headers: IncomingHttpHeaders,
) {
  const requestId = requestIdOf(headers);
  const problem = malformed(detail);
  const body = JSON.stringify({ ...problemDocument(problem, publicUrl, requestId), status });
  return {
    body,
    headers: {
      ...problemHeaders(problem),
      'X-Request-Id': requestId,
      ...securityHeaders(publicUrl),
      'Content-Length': String(Buffer.byteLength(body)),
      Connection: 'close',
    },
  };
}

/** Answers bytes that are no HTTP, if an answer can still be sent, and closes the connection. */
export function answerClientError(
  publicUrl: string,
  error: { code?: string },
  socket: Socket & { _httpMessage?: ServerResponse | null },
): void {
  const inProgress = socket._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || inProgress) {
    socket.destroy();
    return;
  }
  const [status, reason, detail] = REASONS.get(error.code ?? '') ?? [
    400,
    'Bad Request',
    'The request is not HTTP as it should be.',
  ];
  const { headers, body } = rawAnswer(publicUrl, status, detail, {});
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n${body}`);
  // Whoever doesn't read the answer must not hold the connection.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

/** What a request gets whose URL the router can't read, or has a longer parameter than any we know. */
export function badUrlProblem(error: { code?: string }): Problem {
  return error.code === 'FST_ERR_BAD_URL'
    ? malformed('The URL is not well-formed.')
    : new Problem('not_found');
}

/** Answers before Nest is asked: neither its filters nor its error handler stand behind every route. */
export function sendProblem(reply: FastifyReply, problem: Problem, publicUrl: string): void {
  const { id, raw } = reply.request;
  noteProblem(raw, problem.code);
  const { status, headers, body } = errorAnswer(problem, raw.url ?? '', publicUrl, id);
  const vary = reply.getHeader('Vary') ?? 'Origin';
  void reply
    .code(status)
    .headers({ ...securityHeaders(publicUrl), ...headers, Vary: vary })
    .send(JSON.stringify(body));
}
