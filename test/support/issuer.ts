import { type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { STATUS_LIST_SIZE as LIST_SIZE } from '../../src/contract/status-list.js';
import { encodeBits } from '../../src/revocation/status-bits.js';
import { type Json, signedJwt } from '../../src/testing/forged-jwt.js';
import { makeEcKeyPair } from '../../src/testing/ec-key.js';

interface IssuerKeyPair {
  kid: string;
  privateKey: KeyObject;
  jwk: Json;
}

type Reply = { status?: number; body?: string; headers?: Record<string, string> };

/**
 * An issuer made for what the service can't be told to do: withdraw a key, go away and come back, answer
 * nonsense, count what it is asked.
 */
export class TestIssuer {
  readonly keys: IssuerKeyPair[] = [];
  /** Indices of sessions that have ended. */
  readonly ended = new Set<number>();
  /** How often each path was asked for. */
  readonly asked = new Map<string, number>();
  /** Bodies of what was posted, and the `Authorization` that came with them. */
  readonly posted: { body: string; authorization: string | undefined }[] = [];
  /** Takes the place of the answer for a path. */
  readonly instead = new Map<string, () => Reply>();
  /** What introspection answers. */
  active = true;
  /** The seconds of the issuer's clock, against the machine's. */
  skew = 0;
  url = '';
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    issuer.addKey();
    await issuer.up();
    return issuer;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
    this.url = `http://127.0.0.1:${this.#port}`;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** A new key, which signs from now on. */
  addKey(kid: string = randomUUID()): IssuerKeyPair {
    const { privateKey, publicKey } = makeEcKeyPair();
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
    const pair = { kid, privateKey, jwk };
    this.keys.push(pair);
    return pair;
  }

  now(): number {
    return Math.floor(Date.now() / 1000) + this.skew;
  }

  count(path: string): number {
    return this.asked.get(path) ?? 0;
  }

  listUri(list = 0): string {
    return `${this.url}/.well-known/status-lists/${list}`;
  }

  /** The claims of a user's token. */
  claims(change: Json = {}): Json {
    const now = this.now();
    return {
      iss: this.url,
      sub: 'u1',
      aud: 'orders',
      client_id: 'latchkey',
      iat: now,
      exp: now + 600,
      jti: randomUUID(),
      sid: 's1',
      auth_time: now - 5,
      amr: ['pwd'],
      roles: ['user'],
      scope: 'orders:read',
      ...change,
    };
  }

  /** A user's token. `idx` is the session's place in the status lists. */
  userToken(change: Json & { idx?: number } = {}): string {
    const { idx, ...claims } = change;
    if (idx === undefined) return this.sign(this.claims(claims));
    const reference = { idx: idx % LIST_SIZE, uri: this.listUri(Math.floor(idx / LIST_SIZE)) };
    return this.sign(this.claims({ status: { status_list: reference }, ...claims }));
  }

  /** A service's token. */
  serviceToken(change: Json = {}): string {
    const { iss, aud, iat, exp, jti, scope } = this.claims();
    const claims = { iss, sub: 'stock', aud, client_id: 'stock', iat, exp, jti, scope };
    return this.sign({ ...claims, ...change });
  }

  sign(payload: Json, typ = 'at+jwt', key = this.#current()): string {
    return this.signText(
      JSON.stringify({ alg: 'ES256', typ, kid: key.kid }),
      JSON.stringify(payload),
      key,
    );
  }

  /** Signs whatever text is given: only its form or its claims are wrong. */
  signText(header: string, payload: string, { privateKey } = this.#current()): string {
    return signedJwt(header, payload, { kid: undefined, algorithm: 'ES256', privateKey });
  }

  /** A status list as it stands. */
  statusList(list = 0, change: Json = {}, bytes = LIST_SIZE / 8): string {
    const places = [...this.ended].filter((index) => Math.floor(index / LIST_SIZE) === list);
    const lst = encodeBits(
      places.map((index) => index % LIST_SIZE),
      bytes * 8,
    );
    const claims = {
      sub: this.listUri(list),
      iat: this.now(),
      exp: this.now() + 3600,
      ttl: 60,
      status_list: { bits: 1, lst },
    };
    return this.sign({ ...claims, ...change }, 'statuslist+jwt');
  }

  #current(): IssuerKeyPair {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('the issuer has no key');
    return key;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.asked.set(path, this.count(path) + 1);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.method === 'POST') {
      this.posted.push({ body, authorization: request.headers.authorization });
    }
    const reply = (this.instead.get(path) ?? (() => this.#reply(path)))();
    const etag = reply.headers?.['etag'];
    const fresh = etag !== undefined && request.headers['if-none-match'] === etag;
    response.writeHead(fresh ? 304 : (reply.status ?? 200), reply.headers);
    response.end(fresh ? undefined : reply.body);
  }

  #reply(path: string): Reply {
    const list = /^\/\.well-known\/status-lists\/(\d+)$/.exec(path)?.[1];
    if (list !== undefined) {
      const etag = `"${list} ${[...this.ended].join()} ${this.keys.length}"`;
      return { body: this.statusList(Number(list)), headers: { etag } };
    }
    switch (path) {
      case '/.well-known/oauth-authorization-server':
        return { body: JSON.stringify(this.#metadata()) };
      case '/.well-known/jwks.json': {
        const body = JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) });
        return { body, headers: { etag: `"${this.keys.map(({ kid }) => kid).join()}"` } };
      }
      case '/oauth/introspect':
        return { body: JSON.stringify({ active: this.active }) };
      default:
        return { status: 404 };
    }
  }

  #metadata(): Json {
    return {
      issuer: this.url,
      jwks_uri: `${this.url}/.well-known/jwks.json`,
      introspection_endpoint: `${this.url}/oauth/introspect`,
    };
  }
}

/** Waits until something is so. */
export async function until(so: () => boolean | Promise<boolean>, seconds = 5): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await so())) {
    if (Date.now() > end) throw new Error('it did not come to that');
    await new Promise((wait) => setTimeout(wait, 10));
  }
}
