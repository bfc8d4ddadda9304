import { LatchkeyError } from 'latchkey/client';
import { settings } from './settings.js';

/** Why a request came to nothing. */
export interface Failure {
  /** A code of the service or of `latchkey/client`. */
  code: string;
  errors: readonly { pointer: string; detail: string }[];
  /** Seconds to wait. */
  retryAfter: number | undefined;
}

/** The error that an answer tells of (RFC 9457). */
export async function refusal(response: Response): Promise<LatchkeyError> {
  const problem: Partial<Failure> = await response.json().catch(() => ({}));
  const { code = 'unexpected_answer', errors = [] } = problem;
  const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new LatchkeyError(code, response.status, code, {
    errors: [...errors],
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
  });
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof LatchkeyError)) {
    return { code: 'unreachable', errors: [], retryAfter: undefined };
  }
  return { code: error.code, errors: error.errors ?? [], retryAfter: error.retryAfter };
}

const SENTENCES: Readonly<Record<string, string>> = {
  invalid_credentials: 'That name and password don’t belong together. Check both and try again.',
  email_taken: 'There is an account with this e-mail address already.',
  username_taken: 'This user name is taken. Choose another one.',
  reauthentication_required: 'That is not your current password.',
  last_admin:
    'This is the last administrator who can sign in. Make somebody else an administrator first.',
  not_found: 'It is not there any more.',
  forbidden: 'You are not allowed to do that.',
  token_missing: 'You are not signed in any more.',
  token_invalid: 'You are not signed in any more.',
  refresh_token_invalid: 'You are not signed in any more.',
  unreachable: 'The service can’t be reached. Check your connection and try again.',
};

/** What to tell people, in a sentence or two. */
export function sentenceFor({ code, retryAfter }: Failure): string {
  if (code === 'cross_site_request') {
    return `Sign-in works at ${settings.publicUrl} only. Open that address instead.`;
  }
  if (code === 'rate_limited') return `Too many attempts. Try again ${after(retryAfter)}.`;
  if (code === 'overloaded' || code === 'storage_unavailable') {
    return `The service is busy right now. Try again ${after(retryAfter)}.`;
  }
  return SENTENCES[code] ?? 'Something went wrong on our side. Try again later.';
}

function after(seconds: number | undefined): string {
  if (seconds === undefined) return 'in a moment';
  if (seconds < 90) return seconds === 1 ? 'in a second' : `in ${Math.ceil(seconds)} seconds`;
  return `in ${Math.ceil(seconds / 60)} minutes`;
}
