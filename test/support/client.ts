import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import type { ProblemDetails } from '../../src/contract/problems.js';
import type { SessionView, TokenResponse, UserView } from '../../src/contract/responses.js';

/** An answer as it came over the wire. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly text: string,
  ) {}

  /** The body as JSON, of whatever type the caller knows it to be. */
  json<Body = Record<string, unknown>>(): Body {
    return JSON.parse(this.text) as Body;
  }

  header(name: string): string | undefined {
    const value = this.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The `Set-Cookie` with this name: its value, and its attributes with their names in lower case. */
  cookie(name: string): SetCookie | undefined {
    return (this.headers['set-cookie'] ?? []).map(parseCookie).find((one) => one.name === name);
  }
}

export interface SetCookie {
  name: string;
  value: string;
  attributes: Record<string, string | true>;
}

function parseCookie(line: string): SetCookie {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  const attributes: Record<string, string | true> = {};
  for (const attribute of rest) {
    const [name = '', value] = attribute.split('=');
    attributes[name.toLowerCase()] = value ?? true;
  }
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes };
}

export type RequestHeaders = Record<string, string | string[]>;

export interface Sending {
  headers?: RequestHeaders;
  /** An access token. */
  bearer?: string;
  /** As `name=value; …`. */
  cookie?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  raw?: string | Buffer;
}

/** Speaks HTTP to one service; adds nothing and judges nothing. */
export class Client {
  /** Lets go of an idle connection before a server of Node's own does, after 5 s. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 3_000 });

  constructor(readonly url: string) {}

  send(method: string, path: string, sending: Sending = {}): Promise<Answer> {
    const body = sending.json === undefined ? sending.raw : JSON.stringify(sending.json);
    const headers: RequestHeaders = { ...sending.headers };
    if (sending.json !== undefined) headers['content-type'] ??= 'application/json';
    if (sending.bearer !== undefined) headers['authorization'] = `Bearer ${sending.bearer}`;
    if (sending.cookie !== undefined) headers['cookie'] = sending.cookie;
    if (body !== undefined) headers['content-length'] ??= String(Buffer.byteLength(body));
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: this.#agent };
      const outgoing = request(`${this.url}${path}`, options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve(new Answer(incoming.statusCode ?? 0, incoming.headers, text));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  get(path: string, sending: Sending = {}): Promise<Answer> {
    return this.send('GET', path, sending);
  }

  post(path: string, json?: unknown, sending: Sending = {}): Promise<Answer> {
    return this.send('POST', path, json === undefined ? sending : { ...sending, json });
  }

  patch(path: string, json: unknown, sending: Sending = {}): Promise<Answer> {
    return this.send('PATCH', path, { ...sending, json });
  }

  delete(path: string, sending: Sending = {}): Promise<Answer> {
    return this.send('DELETE', path, sending);
  }

  /** Registers somebody new. */
  async register(wanted: Partial<Registration> = {}): Promise<TokenResponse> {
    const answer = await this.post('/auth/register', someone(wanted));
    return tokens(answer, 201);
  }

  login(credentials: object): Promise<Answer> {
    return this.post('/auth/login', credentials);
  }

  refresh(refreshToken: string, headers: RequestHeaders = {}): Promise<Answer> {
    return this.post('/auth/refresh', { refreshToken }, { headers });
  }

  /** Renews, which must succeed. */
  async renew(refreshToken: string, headers: RequestHeaders = {}): Promise<Renewed> {
    return renewed(tokens(await this.refresh(refreshToken, headers)));
  }

  me(bearer: string): Promise<Answer> {
    return this.get('/users/me', { bearer });
  }

  async sessions(bearer: string): Promise<SessionView[]> {
    const answer = await this.get('/auth/sessions', { bearer });
    expect(answer.status).toBe(200);
    return answer.json<{ sessions: SessionView[] }>().sessions;
  }

  /** Closes idle connections. */
  hangUp(): void {
    this.#agent.destroy();
  }
}

export interface Registration {
  email: string;
  password: string;
  username: string | null;
  name: string | null;
  transport: 'body' | 'cookie';
}

/** A token response of the body transport. */
export type Renewed = TokenResponse & { refreshToken: string };

let people = 0;

/** An address that nobody has yet. */
export function freshEmail(): string {
  people += 1;
  return `person-${process.pid}-${Date.now()}-${people}@example.com`;
}

export const PASSWORD = 'a fair wind and a steady hand';

/** What somebody new registers with. */
export function someone(wanted: Partial<Registration> = {}): Partial<Registration> {
  return { email: freshEmail(), password: PASSWORD, ...wanted };
}

/** The body of a successful sign-in, registration or renewal. */
export function tokens(answer: Answer, status = 200): TokenResponse {
  if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json<TokenResponse>();
}

export function renewed(response: TokenResponse): Renewed {
  if (response.refreshToken === undefined) throw new Error('no refresh token in the body');
  return { ...response, refreshToken: response.refreshToken };
}

export function user(answer: Answer): UserView {
  expect(answer.status).toBe(200);
  return answer.json<UserView>();
}

/** Statuses of the codes, from the contract. */
const STATUS: Record<string, number> = {
  validation_failed: 400,
  malformed_request: 400,
  invalid_credentials: 401,
  token_missing: 401,
  token_invalid: 401,
  refresh_token_invalid: 401,
  cross_site_request: 403,
  forbidden: 403,
  reauthentication_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  email_taken: 409,
  username_taken: 409,
  last_admin: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal_error: 500,
  overloaded: 503,
  storage_unavailable: 503,
};

/** Checks an error in all its parts (RFC 9457). @returns its body. */
export function expectProblem(answer: Answer, code: keyof typeof STATUS): ProblemDetails {
  const status = STATUS[code];
  expect({ status: answer.status, text: answer.text }).toEqual({
    status,
    text: expect.stringContaining(`"${code}"`),
  });
  expect(answer.header('content-type')).toMatch(/^application\/problem\+json\b/);
  const problem = answer.json<ProblemDetails>();
  expect(problem).toMatchObject({
    type: expect.stringMatching(new RegExp(`^https?://[^/]+/(.+/)?problems/${code}$`)),
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/\S/),
    code,
    requestId: answer.header('x-request-id'),
  });
  return problem;
}

/** Checks a validation problem that names exactly these members. */
export function expectInvalid(answer: Answer, ...pointers: string[]): void {
  const problem = expectProblem(answer, 'validation_failed');
  const named = (problem.errors ?? []).map((error) => error.pointer);
  expect([...new Set(named)].sort()).toEqual([...pointers].sort());
  for (const { detail } of problem.errors ?? []) expect(detail).toMatch(/\S/);
}

/** Sends bytes over a socket. @returns all that came back until the other side closed. */
export function sendBytes(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
