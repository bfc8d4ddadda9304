import { createServer } from 'node:http';
import { jest } from '@jest/globals';
import {
  type Change,
  type ClientOptions,
  createClient,
  type LatchkeyClient,
  LatchkeyError,
  type TokenStorage,
} from 'latchkey/client';
import { TokenScope, withTrailingSlash } from '../src/client/authorized-fetch.js';
import { freshEmail, PASSWORD } from './support/client.js';
import { until } from './support/issuer.js';
import { Network } from './support/network.js';
import { describeOnEachDatabase, type Suite, type TestService } from './support/suite.js';

const REFRESH = '/auth/refresh';
const ME = '/users/me';

/** As a browser's, and it says when it was written to. */
class Storage implements TokenStorage {
  readonly items = new Map<string, string>();
  readonly log: string[] = [];
  full = false;
  locked = false;

  getItem(name: string): string | null {
    if (this.locked) throw new Error('NotAllowedError');
    return this.items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    if (this.full) throw new Error('QuotaExceededError');
    this.log.push(value);
    this.items.set(name, value);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }

  text(): string {
    return [...this.items.values()].join();
  }
}

/** A browser with one page at a time. */
class Visitor {
  readonly network = new Network();
  readonly storage = new Storage();
  readonly changes: Change[] = [];
  readonly email = freshEmail();
  client: LatchkeyClient;

  constructor(
    readonly service: TestService,
    readonly transport: 'cookie' | 'body',
    readonly options: Partial<ClientOptions> = {},
  ) {
    this.client = this.#open();
  }

  /** The page goes, and another one comes. */
  reload(): void {
    this.client.close();
    this.client = this.#open();
  }

  /** Another page at the same time, which knows of the first by storage and cookies alone. */
  anotherTab(): LatchkeyClient {
    return this.#open();
  }

  async signUp(): Promise<this> {
    await this.client.register({ email: this.email, password: PASSWORD });
    return this;
  }

  outcomes(): (string | null | undefined)[] {
    return this.network.sent(REFRESH).map(({ outcome }) => outcome);
  }

  kinds(): string[] {
    return this.changes.map(({ type }) => type);
  }

  #open(): LatchkeyClient {
    const { service, transport, network, storage } = this;
    const client = createClient({
      baseUrl: service.url,
      transport,
      storage,
      fetch: network.fetch,
      ...this.options,
    });
    client.onChange((change) => this.changes.push(change));
    opened.push(client);
    return client;
  }
}

const opened: LatchkeyClient[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const client of opened.splice(0)) client.close();
});

const failure = (code: string, status: number) =>
  expect.objectContaining({ name: 'LatchkeyError', code, status });

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ code, status, detail: code }), { status, headers });
}

/** The rules are the same whichever way the refresh token travels. */
function describeEachWay(
  name: string,
  rules: (suite: Suite, transport: 'cookie' | 'body') => void,
) {
  describeOnEachDatabase(name, (suite) => {
    describe.each(['cookie', 'body'] as const)('by %s', (transport) => rules(suite, transport));
  });
}

describeEachWay('The client', (suite, transport) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.openFresh();
  });
  const visitor = (options?: Partial<ClientOptions>) => new Visitor(service, transport, options);
  const signedUp = (options?: Partial<ClientOptions>) => visitor(options).signUp();

  describe('signs in and out', () => {
    it('signs up, and knows the user', async () => {
      const { client, email, changes } = await signedUp();
      expect(await client.user()).toMatchObject({ email, roles: ['user'] });
      const accessToken = await client.getAccessToken();
      expect(changes).toEqual([
        {
          type: 'signed-in',
          user: expect.objectContaining({ email }),
          accessToken,
          expiresAt: expect.any(Number),
        },
      ]);
      const [change] = changes;
      const left = change?.type === 'signed-in' ? change.expiresAt - Date.now() : 0;
      expect(left / 60_000).toBeGreaterThan(9);
      expect(left / 60_000).toBeLessThanOrEqual(10);
    });

    it('signs in by e-mail address and by user name', async () => {
      const { client, email } = visitor();
      const username = `ada${Math.floor(Math.random() * 1e9)}`;
      await client.register({ email, password: PASSWORD, username });
      await client.logout();
      expect(await client.login({ email, password: PASSWORD })).toMatchObject({ username });
      await client.logout();
      expect(await client.login({ username, password: PASSWORD })).toMatchObject({ email });
    });

    it('says what was wrong, and with which member', async () => {
      const { client, email } = await signedUp();
      await expect(client.login({ email, password: 'wrong' })).rejects.toEqual(
        failure('invalid_credentials', 401),
      );
      const error = await visitor()
        .client.register({ email: 'nonsense', password: 'password' })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LatchkeyError);
      expect(error).toMatchObject({ code: 'validation_failed', status: 400 });
      expect(error).toMatchObject({
        errors: [{ pointer: '/email', detail: expect.any(String) }],
      });
    });

    it('keeps a session when somebody signs in wrongly over it', async () => {
      const { client, email } = await signedUp();
      await client.login({ email, password: 'wrong' }).catch(() => undefined);
      expect(await client.user()).toMatchObject({ email });
    });

    it('keeps no credential in a storage but the refresh token of the body', async () => {
      const { client, storage, network } = await signedUp();
      service.clock.advance('11m');
      await client.user();
      const accessToken = await client.getAccessToken();
      const kept = [storage.text(), ...storage.log].join();
      expect(kept).not.toContain(accessToken);
      for (const token of network.cookies()) expect(kept).not.toContain(token);
      expect(kept.includes('token')).toBe(transport === 'body');
    });

    it('restores the session of an earlier page', async () => {
      const page = await signedUp();
      page.reload();
      expect(await page.client.user()).toMatchObject({ email: page.email });
      expect(page.kinds()).toEqual(['signed-in', 'signed-in']);
      expect(page.outcomes()).toEqual(['rotated']);
    });

    it('knows nobody where nobody signed in, and says nothing of an end', async () => {
      const { client, changes, network } = visitor();
      expect(await client.user()).toBeNull();
      expect(await client.getAccessToken()).toBeNull();
      expect(changes).toEqual([]);
      expect(network.exchanges).toHaveLength(transport === 'body' ? 0 : 1);
    });

    it('signs out, and stays so after a reload', async () => {
      const page = await signedUp();
      const accessToken = await page.client.getAccessToken();
      await page.client.logout();
      expect(page.changes.at(-1)).toEqual({ type: 'signed-out', reason: 'logout' });
      expect(page.storage.items.size + page.network.cookies().length).toBe(0);
      expect((await service.me(String(accessToken))).status).toBe(401);
      expect(await page.client.user()).toBeNull();
      page.reload();
      expect(await page.client.user()).toBeNull();
    });

    it('does not claim to have signed out when nobody heard it', async () => {
      const page = await signedUp();
      page.network.offline = true;
      await expect(page.client.logout()).rejects.toEqual(failure('unreachable', 0));
      page.network.offline = false;
      page.network.answerInstead('/auth/logout', () => problem(503, 'storage_unavailable'));
      await expect(page.client.logout()).rejects.toEqual(failure('storage_unavailable', 503));
      expect(await page.client.user()).toMatchObject({ email: page.email });
      expect(page.kinds()).toEqual(['signed-in']);
      await page.client.logout();
    });

    it('lists sessions, and ends one, the others or all', async () => {
      const page = await signedUp();
      const phone = visitor();
      const tablet = visitor();
      for (const other of [phone, tablet]) {
        await other.client.login({ email: page.email, password: PASSWORD });
      }
      const sessions = await page.client.sessions();
      expect(sessions.map(({ current }) => current).sort()).toEqual([false, false, true]);
      const [theirs] = (await phone.client.sessions()).filter(({ current }) => current);
      await page.client.endSession(String(theirs?.id));
      expect(await phone.client.user()).toBeNull();
      expect(phone.changes.at(-1)).toEqual({
        type: 'signed-out',
        reason: 'refresh_token_invalid',
      });
      await page.client.logoutAll({ keepCurrent: true });
      expect(await tablet.client.user()).toBeNull();
      expect(await page.client.user()).not.toBeNull();
      await page.client.logoutAll();
      expect(page.changes.at(-1)).toEqual({ type: 'signed-out', reason: 'logout' });
      await expect(page.client.sessions()).rejects.toEqual(failure('token_missing', 401));
    });

    it('is signed out when it ends its own session', async () => {
      const { client, changes } = await signedUp();
      const [own] = await client.sessions();
      await client.endSession(String(own?.id));
      expect(changes.at(-1)).toEqual({ type: 'signed-out', reason: 'logout' });
    });

    it('changes the password, and stays signed in', async () => {
      const { client, email } = await signedUp();
      await expect(client.changePassword('wrong', 'the tide and the moon')).rejects.toEqual(
        failure('reauthentication_required', 403),
      );
      await client.changePassword(PASSWORD, 'the tide and the moon');
      expect(await client.user()).not.toBeNull();
      await expect(client.login({ email, password: PASSWORD })).rejects.toBeInstanceOf(
        LatchkeyError,
      );
    });

    it('shows what has changed of the user', async () => {
      const { client } = await signedUp();
      const body = JSON.stringify({ name: 'Ada' });
      const headers = { 'content-type': 'application/json' };
      await client.fetch(ME, { method: 'PATCH', headers, body });
      expect(await client.user()).toMatchObject({ name: 'Ada' });
    });
  });

  describe('renews', () => {
    it('once, however many calls find that the token is no longer good, and sends them again', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      const body = JSON.stringify({ name: 'Ada' });
      const headers = { 'content-type': 'application/json' };
      const patch = () => page.client.fetch(ME, { method: 'PATCH', headers, body });
      const answers = await Promise.all(Array.from({ length: 10 }, patch));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
      expect(page.outcomes()).toEqual(['rotated']);
      expect(page.changes.at(-1)).toMatchObject({ type: 'renewed', outcome: 'rotated' });
      expect(page.network.sent(ME)).toHaveLength(20);
    });

    it('sends a stream again as well', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      const stream = new Blob([JSON.stringify({ name: 'Streamed' })]).stream();
      const init: RequestInit = { method: 'PATCH', body: stream, duplex: 'half' };
      const headers = { 'content-type': 'application/json' };
      const answer = await page.client.fetch(
        new Request(`${service.url}${ME}`, { ...init, headers }),
      );
      expect(await answer.json()).toMatchObject({ name: 'Streamed' });
    });

    it('shortly before the end, by itself', async () => {
      const brief = await suite.openFresh({ ACCESS_TOKEN_TTL: '2s' });
      const page = await new Visitor(brief, transport).signUp();
      const [first] = page.changes;
      await until(() => page.changes.length >= 3, 8);
      expect(page.kinds().slice(0, 3)).toEqual(['signed-in', 'renewed', 'renewed']);
      expect(page.network.sent(REFRESH).every(({ outcome }) => outcome === 'rotated')).toBe(true);
      expect(await page.client.getAccessToken()).not.toBe(
        first?.type === 'signed-in' && first.accessToken,
      );
    });

    it('in time, though the clock of the machine was set back', async () => {
      const page = await signedUp();
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 86_400_000);
      const monotonic = performance.now();
      jest.spyOn(performance, 'now').mockReturnValue(monotonic + 11 * 60_000);
      await page.client.getAccessToken();
      expect(page.outcomes()).toEqual(['rotated']);
    });

    it('after a sleep in which the monotonic clock stood still', async () => {
      const page = await signedUp();
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 11 * 60_000);
      await page.client.getAccessToken();
      await page.client.getAccessToken();
      expect(page.outcomes()).toEqual(['rotated']);
    });

    it('with the same key after a lost answer, also in another page and a day later', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      page.network.loseAnswer(REFRESH);
      await expect(page.client.fetch(ME)).rejects.toEqual(failure('unreachable', 0));
      service.clock.advance('1d');
      page.reload();
      expect(await page.client.user()).toMatchObject({ email: page.email });
      expect(page.outcomes()).toEqual(['rotated', 'replayed']);
      const keys = page.network.sent(REFRESH).map(({ headers }) => headers.get('idempotency-key'));
      expect(keys[0]).toMatch(/^[\w-]{8,}$/);
      expect(keys[1]).toBe(keys[0]);
    });

    it('with another key once an answer is there', async () => {
      const page = await signedUp();
      for (let round = 0; round < 2; round += 1) {
        service.clock.advance('11m');
        await page.client.fetch(ME);
      }
      const keys = page.network.sent(REFRESH).map(({ headers }) => headers.get('idempotency-key'));
      expect(new Set(keys).size).toBe(2);
      expect(page.storage.text()).not.toContain('key');
    });

    it('by itself again after a lost answer, with nobody asking', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      page.network.loseAnswer(REFRESH);
      await page.client.fetch(ME).catch(() => undefined);
      await until(() => page.kinds().includes('renewed'), 8);
      expect(page.changes.at(-1)).toMatchObject({ type: 'renewed', outcome: 'replayed' });
    });

    it('when the network is back after longer than the token lives', async () => {
      const page = await signedUp();
      page.network.offline = true;
      service.clock.advance('12h');
      await expect(page.client.fetch(ME)).rejects.toThrow();
      expect(await page.client.user()).toMatchObject({ email: page.email });
      page.network.offline = false;
      await until(async () => (await page.client.fetch(ME).catch(() => undefined))?.status === 200);
      expect(page.kinds()).not.toContain('signed-out');
    });

    it('not before the time that the service asks for', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      const busy = () => problem(503, 'storage_unavailable', { 'retry-after': '30' });
      page.network.answerInstead(REFRESH, busy);
      const error = expect.objectContaining({ status: 503, retryAfter: 30 });
      await expect(page.client.fetch(ME)).rejects.toEqual(error);
      const failed = performance.now();
      jest.spyOn(performance, 'now').mockReturnValue(failed + 25_000);
      await expect(page.client.fetch(ME)).rejects.toEqual(error);
      expect(page.network.sent(REFRESH)).toHaveLength(1);
      jest.spyOn(performance, 'now').mockReturnValue(failed + 31_000);
      expect((await page.client.fetch(ME)).status).toBe(200);
    });

    it('on one live token when two pages race that know nothing of each other', async () => {
      const page = await signedUp();
      const other = page.anotherTab();
      await other.user();
      service.clock.advance('11m');
      const answers = await Promise.all([page.client.fetch(ME), other.fetch(ME)]);
      service.clock.advance('11m');
      answers.push(await page.client.fetch(ME));
      service.clock.advance('11m');
      answers.push(await other.fetch(ME));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    });
  });

  describe('drops a session only when the service says that it is over', () => {
    const html = '<html>Welcome to the train. Please accept our terms.</html>';
    const strangers: Record<string, () => Response> = {
      'a 401 of another code': () => problem(401, 'token_invalid'),
      'a 401 of a proxy': () => new Response('Unauthorized', { status: 401 }),
      'the right code with another status': () => problem(400, 'refresh_token_invalid'),
      'a 403': () => problem(403, 'cross_site_request'),
      'a 404': () => new Response(null, { status: 404 }),
      'a 429': () => problem(429, 'rate_limited'),
      'a 500': () => problem(500, 'internal_error'),
      'a captive portal': () => new Response(html, { headers: { 'content-type': 'text/html' } }),
      'JSON of somebody else': () => new Response('{"ok":true}'),
      'an empty answer': () => new Response(null, { status: 204 }),
    };

    it.each(Object.keys(strangers))('%s signs nobody out', async (name) => {
      const page = await signedUp();
      service.clock.advance('11m');
      page.network.answerInstead(REFRESH, strangers[name] ?? Response.error);
      await expect(page.client.fetch(ME)).rejects.toBeInstanceOf(LatchkeyError);
      expect(page.kinds()).toEqual(['signed-in']);
      page.reload();
      expect(await page.client.user()).toMatchObject({ email: page.email });
    });

    it('a page that opens on such an answer does not know, rather than deny', async () => {
      const page = await signedUp();
      page.reload();
      page.network.offline = true;
      await expect(page.client.user()).rejects.toEqual(failure('unreachable', 0));
      page.network.offline = false;
      await until(() => page.kinds().length === 2, 8);
      expect(await page.client.user()).toMatchObject({ email: page.email });
    });

    it('refresh_token_invalid is the end, told once', async () => {
      const page = await signedUp();
      const thief = visitor();
      await thief.client.login({ email: page.email, password: PASSWORD });
      await thief.client.logoutAll();
      const answer = await page.client.fetch(ME);
      expect(answer.status).toBe(401);
      expect(page.changes.slice(1)).toEqual([
        { type: 'signed-out', reason: 'refresh_token_invalid' },
      ]);
      const count = page.network.exchanges.length;
      expect(await page.client.getAccessToken()).toBeNull();
      expect(page.network.exchanges).toHaveLength(count);
      expect(page.storage.items.size).toBe(0);
    });

    it('a renewal that ends after a sign-out signs nobody in', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      const letGo = page.network.holdAnswer(REFRESH);
      const call = page.client.fetch(ME).catch(() => undefined);
      await until(() => page.network.sent(REFRESH)[0]?.status === 200);
      const logout = page.client.logout();
      letGo();
      await Promise.all([call, logout]);
      expect(page.changes.at(-1)).toEqual({ type: 'signed-out', reason: 'logout' });
      expect(await page.client.user()).toBeNull();
      expect(page.storage.items.size + page.network.cookies().length).toBe(0);
    });

    it('a storage that can not be read for a moment costs nobody the session', async () => {
      const page = await signedUp();
      service.clock.advance('11m');
      page.storage.locked = true;
      await expect(page.client.fetch(ME)).rejects.toEqual(failure('unreadable_storage', 0));
      await expect(page.client.logout()).rejects.toEqual(failure('unreadable_storage', 0));
      page.storage.locked = false;
      await until(async () => (await page.client.fetch(ME).catch(() => undefined))?.status === 200);
      expect(page.kinds()).not.toContain('signed-out');
      page.reload();
      expect((await page.client.user())?.email).toBe(page.email);
    });

    it('a storage that can not be written to costs nobody the session', async () => {
      const page = visitor();
      page.storage.full = true;
      await page.signUp();
      service.clock.advance('11m');
      expect((await page.client.fetch(ME)).status).toBe(200);
      service.clock.advance('11m');
      expect((await page.client.fetch(ME)).status).toBe(200);
    });
  });
});

describe('The refresh token of the body', () => {
  let service: TestService;
  describeOnEachDatabase('in a storage', (suite) => {
    beforeAll(async () => {
      service = await suite.open();
    });

    it('is stored before anybody hears of the new access token', async () => {
      const page = await new Visitor(service, 'body').signUp();
      const seen: string[] = [];
      page.client.onChange(() => seen.push(page.storage.text()));
      service.clock.advance('11m');
      await page.client.fetch(ME);
      expect(seen).toHaveLength(1);
      const stored: unknown = JSON.parse(String(seen[0]));
      expect(stored).toEqual({ token: expect.any(String), sid: expect.any(String) });
      expect(page.storage.log.map((text) => Object.keys(JSON.parse(text)))).toEqual([
        ['token', 'sid'],
        ['token', 'sid', 'key'],
        ['token', 'sid'],
      ]);
    });

    it('is taken from there when another page has renewed', async () => {
      const page = await new Visitor(service, 'body').signUp();
      const other = page.anotherTab();
      for (let round = 0; round < 3; round += 1) {
        service.clock.advance('11m');
        expect((await other.fetch(ME)).status).toBe(200);
        expect((await page.client.fetch(ME)).status).toBe(200);
      }
      expect(page.kinds()).not.toContain('signed-out');
    });

    it('is not replaced by an older one whose answer comes late', async () => {
      const page = await new Visitor(service, 'body').signUp();
      service.clock.advance('11m');
      const letGo = page.network.holdAnswer(REFRESH);
      const call = page.client.fetch(ME);
      await until(() => page.network.sent(REFRESH)[0]?.status === 200);
      for (let other = 0; other < 2; other += 1) await page.anotherTab().user();
      letGo();
      expect((await call).status).toBe(200);
      service.clock.advance('11m');
      page.reload();
      expect((await page.client.fetch(ME)).status).toBe(200);
      expect(page.kinds()).not.toContain('signed-out');
    });

    it('is left alone by a client of the same origin that has a cookie', async () => {
      const page = await new Visitor(service, 'body').signUp();
      const { storage, network } = page;
      const baseUrl = service.url;
      const pages = createClient({ baseUrl, transport: 'cookie', storage, fetch: network.fetch });
      opened.push(pages);
      expect(await pages.user()).toBeNull();
      service.clock.advance('11m');
      expect((await page.client.fetch(ME)).status).toBe(200);
      page.reload();
      expect((await page.client.user())?.email).toBe(page.email);
    });

    it('is not given up for a refusal of the one before', async () => {
      const page = await new Visitor(service, 'body').signUp();
      const { items } = page.storage;
      const [name = ''] = items.keys();
      service.clock.advance('11m');
      const old = String(items.get(name));
      page.network.answerInstead(REFRESH, () => {
        items.set(name, old);
        return problem(401, 'refresh_token_invalid');
      });
      items.set(name, JSON.stringify({ token: 'a.b.c' }));
      expect((await page.client.fetch(ME)).status).toBe(200);
      expect(page.kinds()).not.toContain('signed-out');
    });

    it('is gone in this page when another one has removed it', async () => {
      const page = await new Visitor(service, 'body').signUp();
      const other = page.anotherTab();
      await other.user();
      await other.logout();
      expect((await page.client.fetch(ME)).status).toBe(401);
      expect(page.changes.at(-1)).toEqual({ type: 'signed-out', reason: 'elsewhere' });
    });

    it('follows no redirect', async () => {
      const asked: string[] = [];
      const elsewhere = createServer((request, response) => {
        asked.push(String(request.url));
        response.writeHead(307, { location: '/portal' }).end();
      });
      await new Promise<void>((ready) => elsewhere.listen(0, '127.0.0.1', ready));
      const address = elsewhere.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      const storage = new Storage();
      const baseUrl = `http://127.0.0.1:${port}/`;
      storage.setItem(`latchkey:${baseUrl}`, JSON.stringify({ token: 'a.b.c' }));
      const client = createClient({ baseUrl, transport: 'body', storage });
      opened.push(client);
      await expect(client.user()).rejects.toEqual(failure('unreachable', 0));
      expect(asked).toEqual([REFRESH]);
      expect(storage.text()).toContain('a.b.c');
      elsewhere.closeAllConnections();
      elsewhere.close();
    });

    it('is forgotten with the page if no storage is given', async () => {
      const client = createClient({ baseUrl: service.url, transport: 'body' });
      await client.register({ email: freshEmail(), password: PASSWORD });
      expect(await client.getAccessToken()).not.toBeNull();
      client.close();
      const next = createClient({ baseUrl: service.url, transport: 'body' });
      expect(await next.user()).toBeNull();
      next.close();
    });
  });
});

describe('The access token', () => {
  describeOnEachDatabase('of the client', (suite) => {
    let service: TestService;
    const asked: { url: string; authorization: string | undefined }[] = [];
    let challenge: string | undefined;
    let status = 200;
    const api = createServer((request, response) => {
      asked.push({ url: String(request.url), authorization: request.headers.authorization });
      if (challenge !== undefined) response.setHeader('www-authenticate', challenge);
      response.writeHead(status).end('{}');
    });
    let apiUrl = '';
    beforeAll(async () => {
      service = await suite.open();
      await new Promise<void>((ready) => api.listen(0, '127.0.0.1', ready));
      const address = api.address();
      apiUrl = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    });
    afterAll(() => new Promise((done) => api.close(done)));
    beforeEach(() => {
      asked.length = 0;
      challenge = undefined;
      status = 200;
    });

    it('goes to the service and nowhere else', async () => {
      const { client } = await new Visitor(service, 'body').signUp();
      await client.fetch(`${apiUrl}/orders`);
      expect(asked).toEqual([{ url: '/orders', authorization: undefined }]);
      expect((await client.fetch(`${service.url}${ME}`)).status).toBe(200);
      expect((await client.fetch(new URL(ME, service.url))).status).toBe(200);
    });

    it('goes to the other APIs that were named, below the path that was named', async () => {
      const origins = [`${apiUrl}/orders`];
      const { client } = await new Visitor(service, 'body', { origins }).signUp();
      for (const path of ['/orders', '/orders/7?x=1', '/orders-of-others', '/']) {
        await client.fetch(`${apiUrl}${path}`);
      }
      const bearer = `Bearer ${await client.getAccessToken()}`;
      expect(asked).toEqual([
        { url: '/orders', authorization: bearer },
        { url: '/orders/7?x=1', authorization: bearer },
        { url: '/orders-of-others', authorization: undefined },
        { url: '/', authorization: undefined },
      ]);
    });

    it('stays below the path of the service', async () => {
      const page = await new Visitor(service, 'body', { origins: [] }).signUp();
      const client = createClient({ baseUrl: `${apiUrl}/id`, transport: 'body' });
      opened.push(client);
      await client.fetch('/users/me');
      await client.fetch('users/me');
      expect(asked.map(({ url }) => url)).toEqual(['/id/users/me', '/id/users/me']);
      page.client.close();
    });

    it.each(['before the request', 'while a renewal is waited for'])(
      'is waited for no longer than the signal allows that is aborted %s',
      async (moment) => {
        const page = await new Visitor(service, 'body').signUp();
        page.reload();
        const letGo = page.network.holdAnswer(REFRESH);
        const reason = new Error('enough');
        const signal =
          moment === 'before the request' ? AbortSignal.abort(reason) : AbortSignal.timeout(50);
        const expected = moment === 'before the request' ? reason : { name: 'TimeoutError' };
        await expect(page.client.fetch(ME, { signal })).rejects.toMatchObject(expected);
        letGo();
        expect(await page.client.getAccessToken()).not.toBeNull();
        expect(page.network.sent(REFRESH)).toHaveLength(1);
      },
    );

    it('does not go where a path climbs out of what was named', async () => {
      const scope = new TokenScope([withTrailingSlash('https://api.example.com/orders?x#y')]);
      expect(scope.includes('https://api.example.com/orders/7')).toBe(true);
      for (const address of [
        'https://api.example.com/orders/../admin',
        'https://api.example.com/orders/%2e%2E/admin',
        'https://api.example.com@evil.example/orders/',
        'https://api.example.com.evil.example/orders/',
        'http://api.example.com/orders/',
        'https://evil.example/?https://api.example.com/orders/',
      ]) {
        expect([address, scope.includes(address)]).toEqual([address, false]);
      }
    });

    it('does not take the place of an Authorization that is there', async () => {
      const { client, network } = await new Visitor(service, 'body').signUp();
      const headers = { authorization: 'Bearer mine' };
      expect((await client.fetch(ME, { headers })).status).toBe(401);
      expect(network.sent(REFRESH)).toEqual([]);
    });

    it('is renewed once for an API that refuses it whatever it is', async () => {
      status = 401;
      challenge = 'Bearer error="invalid_token"';
      const origins = [apiUrl];
      const { client, network } = await new Visitor(service, 'body', { origins }).signUp();
      for (let call = 0; call < 3; call += 1) {
        expect((await client.fetch(`${apiUrl}/orders`)).status).toBe(401);
      }
      expect([asked.length, network.sent(REFRESH).length]).toEqual([4, 1]);
    });

    it('is renewed for an API that does not let pages read why it refused', async () => {
      status = 401;
      const origins = [apiUrl];
      const { client, network } = await new Visitor(service, 'body', { origins }).signUp();
      await client.fetch(`${apiUrl}/orders`);
      expect(network.sent(REFRESH)).toHaveLength(1);
    });

    it('is not renewed for a 401 that is about something else', async () => {
      status = 401;
      challenge = 'Basic realm="orders"';
      const origins = [apiUrl];
      const { client, network } = await new Visitor(service, 'body', { origins }).signUp();
      await client.fetch(`${apiUrl}/orders`);
      expect(network.sent(REFRESH)).toEqual([]);
    });
  });
});
