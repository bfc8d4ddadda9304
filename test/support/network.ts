/** A request as it left the client, and what came back if anything did. */
export interface Exchange {
  method: string;
  path: string;
  headers: Headers;
  body: string;
  status?: number;
  outcome?: string | null;
}

type Fault = () => Response | Promise<void> | 'lose the answer' | undefined;

/**
 * What lies between a client and the world: a cookie jar for one host, and faults to order. Requests are
 * written down.
 */
export class Network {
  readonly exchanges: Exchange[] = [];
  offline = false;
  readonly #jar = new Map<string, string>();
  readonly #faults: { path: string; fault: Fault }[] = [];

  /** The fetch of a page on this network. */
  readonly fetch: typeof fetch = (input, init) => this.#exchange(new Request(input, init), init);

  /** The next answer for the path gets lost: the service has done its work. */
  loseAnswer(path: string): void {
    this.#faults.push({ path, fault: () => 'lose the answer' });
  }

  /** The next answer for the path is under way until the returned function is called. */
  holdAnswer(path: string): () => void {
    let letGo = () => {};
    const held = new Promise<void>((done) => (letGo = done));
    this.#faults.push({ path, fault: () => held });
    return letGo;
  }

  /** Somebody else answers the next request for the path. */
  answerInstead(path: string, response: () => Response): void {
    this.#faults.push({ path, fault: response });
  }

  sent(path: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.path === path);
  }

  cookies(): string[] {
    return [...this.#jar.values()];
  }

  async #exchange(request: Request, init: RequestInit | undefined): Promise<Response> {
    const path = new URL(request.url).pathname;
    const exchange: Exchange = {
      method: request.method,
      path,
      headers: request.headers,
      body: await request.clone().text(),
    };
    this.exchanges.push(exchange);
    if (this.offline) throw new TypeError('Failed to fetch');
    const at = this.#faults.findIndex((fault) => fault.path === path);
    const fault = at < 0 ? undefined : this.#faults.splice(at, 1)[0]?.fault();
    if (fault instanceof Response) return fault;
    const withCookies = init?.credentials === 'include' || request.credentials === 'include';
    if (withCookies && this.#jar.size > 0) {
      const pairs = [...this.#jar].map(([name, value]) => `${name}=${value}`);
      request.headers.set('cookie', pairs.join('; '));
    }
    const response = await fetch(request);
    exchange.status = response.status;
    exchange.outcome = response.headers.get('refresh-outcome');
    if (fault === 'lose the answer') {
      await response.body?.cancel();
      throw new TypeError('Failed to fetch');
    }
    await fault;
    request.signal.throwIfAborted();
    if (withCookies) this.#take(response.headers.getSetCookie());
    return response;
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.#jar.delete(name);
      else this.#jar.set(name, value);
    }
  }
}
