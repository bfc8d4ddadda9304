import type { RefreshOutcome, TokenResponse } from '../contract/responses.js';
import { browser } from './browser.js';
import { parseObject } from './json.js';
import { errorOf, LatchkeyError } from './latchkey-error.js';

/** A token response, and what a renewal was. */
export interface Granted {
  answer: TokenResponse;
  outcome: Exclude<RefreshOutcome, 'rejected'>;
}

/** Milliseconds that an answer may take. */
const PATIENCE = 20_000;

/** The requests that carry or get a refresh token. Redirects are not followed: they could lead anywhere. */
export class AuthCalls {
  constructor(
    private readonly base: string,
    private readonly transport: 'cookie' | 'body',
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** @throws LatchkeyError */
  signIn(route: 'register' | 'login', input: object): Promise<Granted> {
    return this.#grant(route, { ...input, transport: this.transport });
  }

  /** @param token undefined if a cookie has it. @throws LatchkeyError */
  renew(token: string | undefined, key: string, signal: AbortSignal): Promise<Granted> {
    return this.#grant('refresh', tokenIn(token), { 'Idempotency-Key': key }, signal);
  }

  /** The session goes on with what it gets. @throws LatchkeyError */
  changePassword(accessToken: string | undefined, passwords: object): Promise<Granted> {
    return this.#grant(
      'password/change',
      passwords,
      accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` },
    );
  }

  /** @throws LatchkeyError when the end is not certain. */
  async logout(token: string | undefined): Promise<void> {
    await this.#post('logout', tokenIn(token), {}, undefined, async () => undefined);
  }

  #grant(
    route: string,
    body: object | undefined,
    headers?: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Granted> {
    return this.#post(route, body, headers, signal, async (response) => {
      const answer = parseObject(await response.text());
      if (!this.#isTokenResponse(answer)) throw await errorOf(response);
      const replayed = response.headers.get('refresh-outcome') === 'replayed';
      return { answer, outcome: replayed ? 'replayed' : 'rotated' };
    });
  }

  async #post<Result>(
    route: string,
    body: object | undefined,
    headers: Record<string, string> = {},
    signal: AbortSignal | undefined,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> {
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(), PATIENCE);
    if (signal?.aborted) cut.abort();
    signal?.addEventListener('abort', () => cut.abort());
    try {
      const response = await this.fetch(`${this.base}auth/${route}`, {
        method: 'POST',
        redirect: 'error',
        signal: cut.signal,
        ...(this.transport === 'cookie' && { credentials: 'include' }),
        headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw await errorOf(response);
      return await read(response);
    } catch (error) {
      throw asLatchkeyError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #isTokenResponse(value: object | undefined): value is TokenResponse {
    return (
      value !== undefined &&
      'accessToken' in value &&
      'expiresIn' in value &&
      'user' in value &&
      (this.transport === 'cookie' || 'refreshToken' in value)
    );
  }
}

const tokenIn = (refreshToken: string | undefined) =>
  refreshToken === undefined ? undefined : { refreshToken };

/** A request that failed before an answer was there. */
export function asLatchkeyError(error: unknown): LatchkeyError {
  if (error instanceof LatchkeyError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  // A browser does not tell a page of another origin what went wrong.
  const hint = browser.location ? ' (from another origin: is it in CORS_ORIGINS?)' : '';
  return new LatchkeyError('unreachable', 0, `The service could not be reached: ${reason}${hint}`);
}
