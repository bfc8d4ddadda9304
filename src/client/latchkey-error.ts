import { parseObject } from './json.js';
import type { MemberError } from '../contract/problems.js';

/** What an error knows beside its code, if it knows it. */
export interface ErrorDetails {
  /** Which members of the request were not acceptable, and why. */
  errors?: MemberError[];
  /** Seconds. */
  retryAfter?: number;
}

/**
 * A request that did not succeed. `code` is one of the service's (`docs/errors.md`), or `unreachable` (no
 * answer, `status` 0), or `unexpected_answer` (somebody else answered: a proxy, a captive portal).
 */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  declare readonly errors?: MemberError[];
  declare readonly retryAfter?: number;

  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message);
    Object.assign(this, details);
  }
}

/** The error that an answer tells of (RFC 9457), whoever wrote it. */
export async function errorOf(response: Response): Promise<LatchkeyError> {
  const { code, detail, errors } = await problemIn(response);
  const wait = seconds(response.headers.get('retry-after'));
  return new LatchkeyError(
    code ?? 'unexpected_answer',
    response.status,
    detail ?? `Unexpected answer: ${response.status}`,
    { ...(errors && { errors }), ...(wait !== undefined && { retryAfter: wait }) },
  );
}

async function problemIn(response: Response): Promise<Partial<Problem>> {
  const text = await response.text().catch(() => null);
  const problem = parseObject(text);
  return isProblem(problem) ? problem : {};
}

interface Problem {
  code: string;
  detail: string;
  errors?: MemberError[];
}

function isProblem(value: object | undefined): value is Problem {
  return value !== undefined && 'code' in value && typeof value.code === 'string';
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. */
function seconds(header: string | null): number | undefined {
  if (header === null) return undefined;
  const value = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return value >= 0 ? value : undefined;
}
