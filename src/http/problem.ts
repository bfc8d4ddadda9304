import { HttpException } from '@nestjs/common';
import { type MemberError, type ProblemCode, PROBLEMS } from '../contract/problems.js';

export interface ProblemOptions {
  /** For `validation_failed`: which members are wrong, and how. */
  errors?: readonly MemberError[];
  /** Headers that go with the answer, such as `Retry-After`. */
  headers?: Readonly<Record<string, string>>;
  /** A public sentence that says more than the title. */
  detail?: string;
  /** What the log should say beyond that. Never a token, a password or a configuration value. */
  logDetail?: string;
  cause?: unknown;
}

/**
 * The one kind of error that a request may end in. Its code is looked up in the registry
 * (`contract/problems.ts`); `ProblemFilter` writes it as `application/problem+json` (RFC 9457). It is an
 * `HttpException`, so a host application without that filter still answers with the right status.
 */
export class Problem extends HttpException {
  constructor(
    readonly code: ProblemCode,
    readonly extra: ProblemOptions = {},
  ) {
    const { status, title } = PROBLEMS[code];
    super({ code, title, status, detail: extra.detail ?? title }, status, {
      cause: extra.cause,
    });
    this.message = [extra.detail ?? title, ...(extra.errors ?? []).map(sentence)].join(' ');
  }
}

function sentence({ pointer, detail }: MemberError): string {
  return `${pointer} ${detail}.`;
}

/** A `validation_failed` problem about one member. */
export function memberProblem(pointer: string, detail: string): Problem {
  return new Problem('validation_failed', { errors: [{ pointer, detail }] });
}
