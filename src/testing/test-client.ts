import { parseSetCookie } from 'cookie';
import { type ClientOptions, createClient, type LatchkeyClient } from '../client/index.js';
import type { SignedIn } from './test-controls.js';

export interface TestClientOptions extends Partial<Omit<ClientOptions, 'baseUrl'>> {
  /** Who is signed in already, with the transport of that session. Nobody without it. */
  as?: SignedIn;
}

/**
 * The real client, in this process. With the cookie transport it has cookies of its own, as a browser has.
 *
 * @param options.transport default: that of `as`, else `body`.
 */
export function testClient(baseUrl: string, options: TestClientOptions = {}): LatchkeyClient {
  const { as, ...others } = options;
  const transport = as !== undefined && as.tokens.refreshToken === undefined ? 'cookie' : 'body';
  return createClient({
    transport,
    storage: new MemoryStorage(as?.tokens.refreshToken),
    fetch: fetchWithCookies(as?.cookies ?? []),
    ...others,
    baseUrl,
  });
}

/** What a page's `localStorage` would be, after an earlier page has signed in. */
class MemoryStorage {
  readonly #items = new Map<string, string>();

  constructor(private readonly token: string | undefined) {}

  getItem(name: string): string | null {
    const earlier = this.token === undefined ? null : JSON.stringify({ token: this.token });
    return this.#items.get(name) ?? earlier;
  }

  setItem(name: string, value: string): void {
    this.#items.set(name, value);
  }

  removeItem(name: string): void {
    this.#items.set(name, '{}');
  }
}

/** `fetch` as in a page of the service's own site. All its cookies are for the whole host. */
function fetchWithCookies(cookies: readonly { name: string; value: string }[]): typeof fetch {
  const jar = new Map(cookies.map(({ name, value }) => [name, value]));
  return async (input, init) => {
    const request = new Request(input, init);
    if (init?.credentials !== 'include') return fetch(request);
    const pairs = [...jar].map(([name, value]) => `${name}=${value}`);
    if (pairs.length > 0) request.headers.set('cookie', pairs.join('; '));
    const response = await fetch(request);
    for (const line of response.headers.getSetCookie()) {
      const { name, value = '', maxAge } = parseSetCookie(line);
      if (maxAge === 0) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
}
