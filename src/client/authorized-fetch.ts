import type { Session } from './session.js';

/** The addresses that get the access token. */
export class Reach {
  readonly #places: readonly URL[];

  constructor(places: readonly URL[]) {
    this.#places = places;
  }

  covers(address: string): boolean {
    const { origin, pathname } = new URL(address);
    return this.#places.some(
      (place) => place.origin === origin && `${pathname}/`.startsWith(place.pathname),
    );
  }
}

/** @returns the URL with a slash at the end of its path, so that paths can be resolved below it. */
export function folder(address: string, base?: string): URL {
  const url = new URL(address, base);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.search = url.hash = '';
  return url;
}

/** `/users/me` and `users/me` are below the base, whatever its path; all else is as it is. */
export function below(base: URL, input: Parameters<typeof fetch>[0]): Request | URL {
  if (typeof input !== 'string') return input;
  const relative = input.startsWith('//') ? input : input.replace(/^\//, '');
  return new URL(relative, base);
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
    private readonly base: URL,
    private readonly reach: Reach,
    private readonly session: Session,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** @throws LatchkeyError when the token had to be renewed and could not be. */
  async send(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    const request = new Request(below(this.base, input), init);
    const bearer = !request.headers.has('authorization') && this.reach.covers(request.url);
    const token = bearer ? (await this.session.token())?.text : undefined;
    if (token === undefined) return this.fetch(request);
    const again = request.clone();
    const response = await this.fetch(withBearer(request, token));
    const hidden = new URL(request.url).origin !== this.base.origin;
    if (!isRefusedToken(response, hidden) || token === this.#fruitless) return response;
    const newer = await this.#newerThan(token);
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
