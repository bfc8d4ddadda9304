/** This service's own access token (client credentials, RFC 6749 §4.4), kept until most of its life is over. */
export class ServiceToken {
  #token = '';
  /** When to fetch the next one (ms). */
  #renewAt = 0;
  #running: Promise<string> | undefined;

  constructor(
    private readonly issuer: string,
    private readonly client: { id: string; secret: string },
  ) {}

  /** The token; callers share one request. */
  async get(): Promise<string> {
    if (Date.now() < this.#renewAt) return this.#token;
    this.#running ??= this.#fetch().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #fetch(): Promise<string> {
    const { id, secret } = this.client;
    const answer = await fetch(`${this.issuer}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
      signal: AbortSignal.timeout(5_000),
    });
    if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
    const body = (await answer.json()) as { access_token: string; expires_in: number };
    this.#token = body.access_token;
    this.#renewAt = Date.now() + body.expires_in * 800;
    return this.#token;
  }
}
