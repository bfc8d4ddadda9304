import { HttpException } from '@nestjs/common';
import type { ProblemCode } from '../contract/problems.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import { Problem } from './problem.js';

/** How the frameworks' own refusals are called here. Anything else from 400 to 499 is malformed. */
const BY_STATUS: ReadonlyMap<number, ProblemCode> = new Map<number, ProblemCode>([
  [401, 'token_missing'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [405, 'method_not_allowed'],
  [413, 'payload_too_large'],
  [414, 'not_found'],
  [415, 'unsupported_media_type'],
  [429, 'rate_limited'],
  [503, 'overloaded'],
]);

/**
 * Turns whatever was thrown into a problem: ours as they are, the refusals of Nest, Fastify and body-parser
 * by their status, storage trouble, and all the rest as `internal_error`.
 */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StorageUnavailableError)
    return new Problem('storage_unavailable', { cause: error });
  const status = statusOf(error);
  const code = BY_STATUS.get(status);
  if (code !== undefined) return new Problem(code, { cause: error });
  return new Problem(status >= 400 && status < 500 ? 'malformed_request' : 'internal_error', {
    cause: error,
  });
}

/** Errors of Fastify and of http-errors carry `statusCode`; of body-parser and of Express `status`. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (!(error instanceof Error)) return 500;
  if ('statusCode' in error && typeof error.statusCode === 'number') return error.statusCode;
  return 'status' in error && typeof error.status === 'number' ? error.status : 500;
}
