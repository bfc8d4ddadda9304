import { type ProblemCode, PROBLEMS } from '../contract/problems.js';
import type { RefreshOutcome, UserView } from '../contract/responses.js';
import { type SeenAnswer, seenAnswer } from './seen-answer.js';

/** A code of the service or of `latchkey/resource-server`, or an error of OAuth. */
export type RefusalCode = ProblemCode | 'issuer_unavailable' | 'invalid_token' | (string & {});

/**
 * What `expect(answer)` can say. An answer is a `Response` of fetch, or what supertest, Playwright, axios or
 * Fastify's `inject` give. All are asynchronous: `await expect(answer).toBeRefused()`.
 */
export interface LatchkeyMatchers {
  /**
   * 401 or 403; with a code whatever is refused with that code. Of services that send no code it is told
   * from `WWW-Authenticate` (RFC 6750 §3): `token_missing`, `token_invalid`, `forbidden`.
   */
  toBeRefused(code?: RefusalCode): Promise<void>;

  /** 2xx. */
  toBeAccepted(): Promise<void>;

  /** A `TokenResponse`: of a sign-in, a registration or a renewal. @param user what is known of the user. */
  toBeSignedIn(user?: Partial<UserView>): Promise<void>;

  /** A renewal that succeeded. @param outcome either, where it is left out. */
  toBeRenewed(outcome?: Exclude<RefreshOutcome, 'rejected'>): Promise<void>;
}

/** As `expect.extend` of Jest, Vitest and Playwright wants it. */
export interface Verdict {
  pass: boolean;
  message(): string;
}

/** For `expect.extend(latchkeyMatchers)`. */
export const latchkeyMatchers = {
  async toBeRefused(received: unknown, code?: RefusalCode): Promise<Verdict> {
    const answer = await seenAnswer(received);
    const { status } = answer;
    const pass =
      code === undefined
        ? status === 401 || status === 403
        : status >= 400 && fits(code, status) && codesOf(answer).includes(code);
    return verdict(pass, `be refused${code === undefined ? '' : ` with ${code}`}`, answer);
  },

  async toBeAccepted(received: unknown): Promise<Verdict> {
    const answer = await seenAnswer(received);
    return verdict(isSuccess(answer), 'be accepted', answer);
  },

  async toBeSignedIn(received: unknown, user: Partial<UserView> = {}): Promise<Verdict> {
    const answer = await seenAnswer(received);
    const pass = isSuccess(answer) && isTokenResponse(answer.body, user);
    const whom = Object.keys(user).length === 0 ? '' : ` as ${JSON.stringify(user)}`;
    return verdict(pass, `be a sign-in${whom}`, answer);
  },

  async toBeRenewed(received: unknown, outcome?: string): Promise<Verdict> {
    const answer = await seenAnswer(received);
    const found = answer.header('refresh-outcome') ?? '';
    const wanted = outcome === undefined ? ['rotated', 'replayed'] : [outcome];
    const pass = isSuccess(answer) && isTokenResponse(answer.body, {}) && wanted.includes(found);
    return verdict(pass, `be a renewal (${wanted.join(' or ')})`, answer);
  },
};

function isSuccess({ status }: SeenAnswer): boolean {
  return status >= 200 && status < 300;
}

/** Each of our own codes has one status; OAuth's endpoints may answer with another. */
function fits(code: RefusalCode, status: number): boolean {
  return !isProblemCode(code) || PROBLEMS[code].status === status;
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}

const OF_CHALLENGE = new Map([
  ['invalid_token', 'token_invalid'],
  ['insufficient_scope', 'forbidden'],
]);

/** What the answer calls its fault, in the body and in the challenge. */
function codesOf({ body, header }: SeenAnswer): unknown[] {
  const challenge = header('www-authenticate') ?? '';
  const error = /^Bearer\b.*\berror="([^"]*)"/i.exec(challenge)?.[1];
  const bare = error === undefined && /^Bearer\b/i.test(challenge) ? 'token_missing' : undefined;
  const found = [own(body, 'code'), own(body, 'error'), error, OF_CHALLENGE.get(error ?? ''), bare];
  return found.filter((code) => typeof code === 'string');
}

function isTokenResponse(body: unknown, user: Partial<UserView>): boolean {
  const view = own(body, 'user');
  return (
    own(body, 'tokenType') === 'Bearer' &&
    typeof own(body, 'accessToken') === 'string' &&
    typeof own(body, 'sessionId') === 'string' &&
    typeof own(view, 'id') === 'string' &&
    Object.entries(user).every(([name, value]) => same(own(view, name), value))
  );
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function own(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, name))
    return undefined;
  return Reflect.get(object, name);
}

/** The message names no token. */
function verdict(pass: boolean, what: string, answer: SeenAnswer): Verdict {
  const codes = [...new Set(codesOf(answer))].map(String).join(', ');
  const outcome = answer.header('refresh-outcome');
  const details = [codes, own(answer.body, 'detail'), outcome && `Refresh-Outcome: ${outcome}`];
  const seen = [`${answer.status}`, ...details.filter(Boolean).map(String)].join(' · ');
  return {
    pass,
    message: () => `Expected the answer ${pass ? 'not ' : ''}to ${what}; it is ${seen}`,
  };
}
