import type { Session } from './session.js';

/*
 * Of `URL` only the constructor and `href` are used: React Native's has neither setters nor, in older versions, the other
 * getters.
 */

/** @returns the absolute URL with a slash at the end of its path and nothing after, to put paths behind. */
export function withTrailingSlash(address: string, base?: string): string {
  const path = pathOf(new URL(address, base).href);
  return path.endsWith('/') ? path : `${path}/`;
}

const pathOf = (address: string) => address.split(/[?#]/, 1)[0] ?? '';

/** Such as `https://auth.example.com`. */
const originOf = (address: string) => address.split('/', 3).join('/');

/** The addresses that get the access token. */
export class TokenScope {
  /** @param places as `withTrailingSlash` makes them. */
  constructor(private readonly places: readonly string[]) {}

  includes(address: string): boolean {
    const path = `${pathOf(address)}/`;
    // A browser has resolved the dots already.
    return !/\/(\.|%2e){2}\//i.test(path) && this.places.some((place) => path.startsWith(place));
  }
}

/** `/users/me` and `users/me` are below the base, whatever its path; all else is as it is. */
export function resolveUrl(base: string, input: Parameters<typeof fetch>[0]): typeof input {
  if (typeof input !== 'string' || /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(input)) return input;
  return base + input.replace(/^\//, '');
}

/** @throws the signal's reason as soon as it is aborted; the work goes on for whoever else waits for it. */
function unlessAborted<Result>(
  signal: AbortSignal | undefined,
  work: Promise<Result>,
): Promise<Result> {
  if (!signal) return work;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason ?? new Error('aborted'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
  });
  return Promise.race([aborted, work]).finally(() => signal.removeEventListener('abort', stop));
}

/** Whether a 401 is about the access token (RFC 6750 §3.1). Of another origin the header is often hidden. */
function isRefusedToken(response: Response, hidden: boolean): boolean {
  if (response.status !== 401) return false;
  const challenge = response.headers.get('www-authenticate');
  return challenge === null ? hidden : challenge.includes('invalid_token');
}

/** `fetch` with the session's access token where it may go; renews once when it is refused. */
export class AuthorizedFetch {
  /** A token that was new and was refused nevertheless: it is not its age that is wrong. */
  #fruitless: string | undefined;

  constructor(
    private readonly base: string,
    private readonly scope: TokenScope,
    private readonly session: Session,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** @throws LatchkeyError when the token had to be renewed and could not be; the signal's reason when it is aborted. */
  async send(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    const request = new Request(resolveUrl(this.base, input), init);
    const bearer = !request.headers.has('authorization') && this.scope.includes(request.url);
    const { signal } = request;
    const token = bearer ? (await unlessAborted(signal, this.session.token()))?.text : undefined;
    if (token === undefined) return this.fetch(request);
    const again = request.clone();
    const response = await this.fetch(withBearer(request, token));
    const hidden = originOf(request.url) !== originOf(this.base);
    if (!isRefusedToken(response, hidden) || token === this.#fruitless) return response;
    const newer = await unlessAborted(signal, this.#newerThan(token));
    if (newer === undefined) return response;
    const second = await this.fetch(withBearer(again, newer));
    if (isRefusedToken(second, hidden)) this.#fruitless = newer;
    return second;
  }

  async #newerThan(refused: string): Promise<string | undefined> {
    const held = await this.session.token();
    if (held?.text !== refused) return held?.text;
    return (await this.session.renew())?.text;
  }
}

function withBearer(request: Request, token: string): Request {
  request.headers.set('Authorization', `Bearer ${token}`);
  return request;
}
