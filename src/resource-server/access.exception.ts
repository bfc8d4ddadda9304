import { HttpException } from '@nestjs/common';
import type { TokenError, TokenErrorCode } from './token-error.js';

/**
 * What the guard throws on HTTP and GraphQL. `statusCode` is for hosts whose Nest is another copy than ours:
 * their filter then takes it for an HTTP error all the same.
 */
export class AccessException extends HttpException {
  readonly statusCode: number;
  readonly code: TokenErrorCode;

  constructor(error: TokenError) {
    const { code, status, message } = error;
    super({ statusCode: status, code, message }, status, { cause: error });
    this.statusCode = status;
    this.code = code;
  }
}
