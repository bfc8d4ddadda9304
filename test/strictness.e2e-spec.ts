import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import {
  type Answer,
  expectInvalid,
  expectProblem,
  PASSWORD,
  renewed,
  sendBytes,
  someone,
} from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** Every route that takes a body, whether it needs a token or not. */
const BODY_ROUTES: [method: string, path: string][] = [
  ['POST', '/auth/register'],
  ['POST', '/auth/login'],
  ['POST', '/auth/refresh'],
  ['POST', '/auth/logout'],
  ['POST', '/auth/logout-all'],
  ['POST', '/auth/password/change'],
  ['PATCH', '/users/me'],
  ['DELETE', '/users/me'],
  ['POST', '/users'],
];

/** Every route there is, and the methods it takes. */
const ROUTES: [path: string, ...methods: string[]][] = [
  ['/auth/register', 'POST'],
  ['/auth/login', 'POST'],
  ['/auth/refresh', 'POST'],
  ['/auth/logout', 'POST'],
  ['/auth/logout-all', 'POST'],
  ['/auth/sessions', 'GET', 'HEAD'],
  ['/auth/sessions/some-id', 'DELETE'],
  ['/auth/password/change', 'POST'],
  ['/users/me', 'GET', 'HEAD', 'PATCH', 'DELETE'],
  ['/users', 'GET', 'HEAD', 'POST'],
  ['/users/some-id', 'GET', 'HEAD', 'PATCH', 'DELETE'],
  ['/users/some-id/sessions', 'GET', 'HEAD', 'DELETE'],
  ['/.well-known/jwks.json', 'GET', 'HEAD'],
  ['/.well-known/oauth-authorization-server', 'GET', 'HEAD'],
  ['/.well-known/openid-configuration', 'GET', 'HEAD'],
  ['/health/live', 'GET', 'HEAD'],
  ['/health/ready', 'GET', 'HEAD'],
  ['/openapi.json', 'GET', 'HEAD'],
  ['/docs', 'GET', 'HEAD'],
];

const PUBLIC_METADATA = ROUTES.map(([path]) => path).filter((path) => path.startsWith('/.well'));

describeOnEachDatabase('Strictness', (suite) => {
  let service: TestService;
  let bearer: string;
  beforeAll(async () => {
    service = await suite.open({ CORS_ORIGINS: 'https://app.example.com' });
    ({ accessToken: bearer } = await service.registerAdmin());
  });

  const raw = (text: string | Buffer, path = '/auth/login', headers: object = JSON_TYPE) =>
    service.send('POST', path, { raw: text, headers: { ...headers } });

  const expectBadRequest = (answer: Answer) => {
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 400 });
    const code = answer.json<{ code: string }>().code;
    expect(['malformed_request', 'validation_failed']).toContain(code);
    expectProblem(answer, code);
  };

  describe('of media types', () => {
    const types = [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'text/json',
      'application/ld+json',
      'application/xml',
      'application/jsonp',
      'nonsense',
    ];
    it.each(BODY_ROUTES)('%s %s takes nothing but JSON', async (method, path) => {
      for (const type of types) {
        const sending = { bearer, raw: '{}', headers: { 'content-type': type } };
        expectProblem(await service.send(method, path, sending), 'unsupported_media_type');
      }
      const untyped = await service.send(method, path, { bearer, raw: '{}' });
      expectProblem(untyped, 'unsupported_media_type');
    });

    it('takes a charset of UTF-8, in whatever case', async () => {
      const body = JSON.stringify(someone());
      const types = ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'];
      const [first, second] = types;
      const one = await raw(body, '/auth/register', { 'content-type': first });
      expect(one.status).toBe(201);
      const two = await raw(body, '/auth/register', { 'content-type': second });
      expectProblem(two, 'email_taken');
    });

    it.each(['gzip', 'br', 'deflate'])('takes no body compressed by %s', async (encoding) => {
      const body = gzipSync(JSON.stringify(someone()));
      const headers = { ...JSON_TYPE, 'content-encoding': encoding };
      expectProblem(await raw(body, '/auth/register', headers), 'unsupported_media_type');
    });
  });

  describe('of size and shape', () => {
    const padded = (size: number) => {
      const body = { email: 'a@example.com', password: '' };
      const rest = size - JSON.stringify(body).length;
      return JSON.stringify({ ...body, password: 'x'.repeat(rest) });
    };

    it('takes 64 KiB and not a byte more', async () => {
      expect(padded(65_536)).toHaveLength(65_536);
      expectInvalid(await raw(padded(65_536)), '/password');
      expectProblem(await raw(padded(65_537)), 'payload_too_large');
      expectProblem(await raw('x'.repeat(2_000_000)), 'payload_too_large');
    });

    it('counts what comes in chunks as well', async () => {
      const status = await new Promise((resolve, reject) => {
        const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
        const outgoing = request(`${service.url}/auth/login`, { method: 'POST', headers });
        outgoing.on('response', (incoming) => resolve(incoming.resume().statusCode));
        outgoing.on('error', reject);
        for (let sent = 0; sent < 80_000; sent += 8_000) outgoing.write('x'.repeat(8_000));
        outgoing.end();
      });
      expect(status).toBe(413);
    });

    it('refuses nesting deeper than 32', async () => {
      for (const depth of [33, 40, 1_000, 20_000]) {
        expectBadRequest(await raw('['.repeat(depth) + ']'.repeat(depth)));
        expectBadRequest(await raw(`${'{"a":'.repeat(depth / 2)}1${'}'.repeat(depth / 2)}`));
      }
    });

    it.each([
      '',
      ' ',
      '{',
      '}',
      '{"a"}',
      "{'a':1}",
      '{"a":1,}',
      'NaN',
      '{} {}',
      'undefined',
      '\u0000',
    ])('refuses %j for JSON', async (text) => {
      expectBadRequest(await raw(text));
    });

    it.each(['[]', '[{}]', '"text"', '1', 'true', 'null'])(
      'refuses %s for an object',
      async (text) => {
        for (const [method, path] of BODY_ROUTES) {
          const sending = { bearer, raw: text, headers: JSON_TYPE };
          expectBadRequest(await service.send(method, path, sending));
        }
      },
    );

    it('takes a member twice for the last one, or refuses it', async () => {
      const { email, password } = { email: 'twice@example.com', password: PASSWORD };
      const answer = await raw(
        `{"email":"first@example.com","email":"${email}","password":"${password}"}`,
        '/auth/register',
      );
      if (answer.status === 201) return expect(answer.json()).toMatchObject({ user: { email } });
      expectBadRequest(answer);
    });
  });

  describe('of text', () => {
    it.each<[string, Buffer]>([
      ['a lone byte', Buffer.from([0xff])],
      ['a sequence that is cut short', Buffer.from([0xe2, 0x82])],
      ['an overlong slash', Buffer.from([0xc0, 0xaf])],
      ['a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80])],
    ])('refuses invalid UTF-8: %s', async (_what, bytes) => {
      for (const text of ['password', 'name']) {
        const [before, after] = JSON.stringify({ ...someone(), [text]: '@@' }).split('@@');
        const body = Buffer.concat([Buffer.from(`${before}`), bytes, Buffer.from(`${after}`)]);
        expectBadRequest(await raw(body, '/auth/register'));
      }
    });

    it.each(['\\u0000', '\\ud800', '\\udc00', '\\udc00\\ud800', 'a\\ud83d', 'x\\u0000y'])(
      'refuses %s in any string',
      async (text) => {
        const { email } = someone();
        for (const body of [
          `{"email":"${email}","password":"${PASSWORD}${text}"}`,
          `{"email":"${email}","password":"${PASSWORD}","name":"${text}"}`,
          `{"email":"${email}","password":"${PASSWORD}","username":"abc${text}"}`,
          `{"email":"${text}${email}","password":"${PASSWORD}"}`,
          `{"email":"${email}","password":"${PASSWORD}","${text}":1}`,
        ]) {
          expectBadRequest(await raw(body, '/auth/register'));
        }
        expect((await service.post('/auth/register', someone({ email: `${email}` }))).status).toBe(
          201,
        );
      },
    );

    it('refuses them in every other body too', async () => {
      const text = '"a\\u0000b"';
      for (const body of [`{"refreshToken":${text}}`]) {
        expectBadRequest(await raw(body, '/auth/refresh'));
        expectBadRequest(await raw(body, '/auth/logout'));
      }
      const sending = { bearer, raw: `{"name":${text}}`, headers: JSON_TYPE };
      expectBadRequest(await service.send('PATCH', '/users/me', sending));
    });
  });

  describe('of members', () => {
    it.each([
      ['nickname', '/nickname'],
      ['roles', '/roles'],
      ['__proto__', '/__proto__'],
      ['constructor', '/constructor'],
      ['prototype', '/prototype'],
      ['hasOwnProperty', '/hasOwnProperty'],
      ['toString', '/toString'],
      ['', '/'],
      ['a/b', '/a~1b'],
      ['a~b', '/a~0b'],
      ['Email', '/Email'],
    ])('refuses the unknown %j and names it', async (member, pointer) => {
      for (const value of ['true', '{"admin":true}', 'null']) {
        const { email } = someone();
        const body = `{"email":"${email}","password":"${PASSWORD}","${member}":${value}}`;
        expectInvalid(await raw(body, '/auth/register'), pointer);
        expectInvalid(await raw(body, '/auth/login'), pointer);
      }
    });

    it.each(BODY_ROUTES)('in every body: %s %s', async (method, path) => {
      const sending = { bearer, raw: '{"__proto__":{"a":1},"surplus":1}', headers: JSON_TYPE };
      const problem = expectProblem(await service.send(method, path, sending), 'validation_failed');
      const named = problem.errors?.map(({ pointer }) => pointer);
      expect(named).toEqual(expect.arrayContaining(['/__proto__', '/surplus']));
    });
  });

  describe('of routes', () => {
    it.each([
      '/nothing',
      '/auth',
      '/auth/nothing',
      '/users/me/nothing',
      '/.well-known/nothing',
      '/assets',
    ])('%s is not to be found', async (path) => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expectProblem(await service.send(method, path, { bearer }), 'not_found');
      }
    });

    it.each(ROUTES)('%s says which methods it takes', async (path, ...methods) => {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (methods.includes(method)) continue;
        const answer = await service.send(method, path, { bearer });
        expectProblem(answer, 'method_not_allowed');
        const allowed = `${answer.header('allow')}`.split(',').map((one) => one.trim());
        expect(allowed).toEqual(expect.arrayContaining(methods));
        expect(allowed).not.toContain(method);
      }
    });

    const readable = ROUTES.filter(([, ...methods]) => methods.includes('HEAD'));
    it.each(readable)('HEAD %s answers as GET does, without a body', async (path) => {
      const [get, head] = [
        await service.get(path, { bearer }),
        await service.send('HEAD', path, { bearer }),
      ];
      expect([head.status, head.text]).toEqual([get.status, '']);
      expect(head.header('content-type')).toBe(get.header('content-type'));
    });

    it.each([
      '/users/%',
      '/users/%zz',
      '/users/%c0%af',
      '/%00',
      '/auth/sessions/%ff',
      `/${'a'.repeat(9_000)}`,
      '/users?%',
      '/users?limit=%zz',
    ])('GET %s is the caller’s fault', async (path) => {
      const { status } = await service.get(path, { bearer });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    });
  });

  describe('of odd requests', () => {
    const bytes = (...lines: string[]) =>
      sendBytes(service.url, `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`);

    it('refuses two Host headers', async () => {
      const answer = await bytes('GET /health/live HTTP/1.1', 'Host: a.example', 'Host: b.example');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('refuses none, too', async () => {
      expect(await bytes('GET /health/live HTTP/1.1')).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('refuses two lengths', async () => {
      const lines = ['POST /auth/login HTTP/1.1', 'Host: a', 'Content-Type: application/json'];
      const both = await bytes(...lines, 'Content-Length: 2', 'Transfer-Encoding: chunked');
      expect(both).toMatch(/^HTTP\/1\.1 400 /);
      const two = await bytes(...lines, 'Content-Length: 2', 'Content-Length: 3');
      expect(two).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('answers garbage with 400', async () => {
      expect(await sendBytes(service.url, 'garbage\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('answers headers that are too large with 4xx', async () => {
      const { status } = await service.get('/health/live', {
        headers: { 'x-a': 'a'.repeat(20_000) },
      });
      expect(status).toBe(431);
    });
  });

  describe('of what it says about a request', () => {
    it.each(['a', 'A-Z.a_z-09', 'x'.repeat(64)])('keeps the X-Request-Id %s', async (id) => {
      const headers = { 'x-request-id': id };
      for (const path of ['/health/live', '/users/me', '/nothing', '/.well-known/jwks.json']) {
        expect((await service.get(path, { headers })).header('x-request-id')).toBe(id);
      }
      const problem = await service.post('/auth/login', {}, { headers });
      expect(problem.json()).toMatchObject({ requestId: id });
    });

    it.each(['', 'x'.repeat(65), 'with blank', 'semi;colon', 'ümlaut', 'a,b', '<script>'])(
      'replaces the X-Request-Id %j',
      async (id) => {
        const answer = await service.get('/users/me', { headers: { 'x-request-id': id } });
        expect(answer.header('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
        expect(answer.header('x-request-id')).not.toBe(id);
        expectProblem(answer, 'token_missing');
      },
    );

    it('gives every request an id of its own', async () => {
      const ids = new Set<unknown>();
      for (let count = 0; count < 10; count += 1) {
        ids.add((await service.get('/health/live')).header('x-request-id'));
      }
      expect(ids.size).toBe(10);
    });

    it('does not repeat what was sent', async () => {
      const marker = 'unrepeatable-7f3a9c';
      const answers = [
        await raw(`{"password":"${marker}",`),
        await service.login({ email: `a@example.com`, password: marker }),
        await service.login({ email: { [marker]: marker }, password: [marker] }),
        await service.post('/auth/refresh', { refreshToken: marker }),
        await service.get('/users/me', { bearer: marker }),
        await service.get('/users/me', { cookie: `__Host-latchkey-access=${marker}` }),
        await service.post('/auth/register', someone({ password: `${marker}\u0000` })),
      ];
      for (const answer of answers) {
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.text).not.toContain(marker);
      }
    });
  });

  describe('of headers', () => {
    const samples: [method: string, path: string][] = [
      ...ROUTES.map(([path, method]): [string, string] => [`${method}`, path]),
      ['GET', '/nothing'],
      ['PUT', '/auth/login'],
    ];
    it.each(samples)('%s %s has what every answer has', async (method, path) => {
      const answer = await service.send(method, path);
      expect(answer.status).toBeLessThan(500);
      expect(answer.header('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(answer.header('x-powered-by')).toBeUndefined();
      expect(answer.header('x-content-type-options')).toBe('nosniff');
      if (PUBLIC_METADATA.includes(path)) return;
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.header('etag')).toBeUndefined();
    });

    it('has them on answers that bear tokens', async () => {
      const signUp = await service.post('/auth/register', someone());
      const pair = renewed(signUp.json());
      const answers = [
        signUp,
        await service.refresh(pair.refreshToken),
        await service.me(pair.accessToken),
        await service.get('/auth/sessions', { bearer: pair.accessToken }),
      ];
      for (const answer of answers) {
        expect(answer.header('cache-control')).toBe('no-store');
        expect(answer.header('etag')).toBeUndefined();
      }
    });

    it('explains every problem on the page that its type names', async () => {
      const { type } = expectProblem(await service.login({}), 'validation_failed');
      const page = await service.get(new URL(type).pathname);
      expect(page.status).toBe(200);
      expect(page.text).toContain('validation_failed');
      expect(type).toBe(`${service.url}/problems/validation_failed`);
      for (const code of ['refresh_token_invalid', 'last_admin', 'storage_unavailable']) {
        expect((await service.get(`/problems/${code}`)).status).toBe(200);
      }
      expectProblem(await service.get('/problems/nonsense'), 'not_found');
    });
  });

  describe('to a browser', () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const asPage = { headers: { accept } };

    it.each(['/nothing', '/nothing/at/all', '/problems/nonsense'])(
      'shows a page for the unknown path %s, and JSON to anybody else',
      async (path) => {
        const page = await service.get(path, asPage);
        expect([page.status, page.header('content-type')]).toEqual([
          404,
          'text/html; charset=utf-8',
        ]);
        expect(page.text).toContain('There is no such page');
        expect(page.header('content-security-policy')).toMatch(/style-src 'sha256-/);
        for (const other of ['application/json', '*/*', 'application/json, text/html;q=0.5']) {
          const answer = await service.get(path, { headers: { accept: other } });
          expectProblem(answer, 'not_found');
        }
        expectProblem(
          await service.post(path, {}, asPage),
          path.startsWith('/problems') ? 'method_not_allowed' : 'not_found',
        );
      },
    );

    it('explains a problem on a page, and in JSON to anybody else', async () => {
      const page = await service.get('/problems/validation_failed', asPage);
      expect([page.status, page.header('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.text).toContain('<code>validation_failed</code>');
      expect(page.header('vary')).toMatch(/\bAccept\b/);
      const json = await service.get('/problems/validation_failed');
      expect(json.json()).toMatchObject({ code: 'validation_failed', status: 400 });
    });

    it('answers routes with JSON, whatever it asks for', async () => {
      const answer = await service.get('/users/me', asPage);
      expectProblem(answer, 'token_missing');
    });
  });

  describe('of other origins', () => {
    const APP = 'https://app.example.com';

    it('lets those in CORS_ORIGINS read answers, with credentials', async () => {
      for (const path of ['/auth/sessions', '/users/me', '/nothing', '/health/live']) {
        const answer = await service.get(path, { headers: { origin: APP } });
        expect(answer.header('access-control-allow-origin')).toBe(APP);
        expect(answer.header('access-control-allow-credentials')).toBe('true');
        expect(answer.header('vary')).toMatch(/\borigin\b/i);
      }
    });

    it.each(['https://evil.example', `${APP}.evil.example`, 'http://app.example.com', 'null'])(
      'does not let %s',
      async (origin) => {
        const answer = await service.get('/users/me', { headers: { origin } });
        expect(answer.header('access-control-allow-origin')).toBeUndefined();
        expect(answer.header('access-control-allow-credentials')).toBeUndefined();
        expect(answer.header('vary')).toMatch(/\borigin\b/i);
      },
    );

    it('answers a preflight with what a client needs', async () => {
      const headers = {
        origin: APP,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,idempotency-key',
      };
      const answer = await service.send('OPTIONS', '/auth/refresh', { headers });
      expect([200, 204]).toContain(answer.status);
      expect(answer.header('access-control-allow-origin')).toBe(APP);
      expect(answer.header('access-control-allow-credentials')).toBe('true');
      expect(answer.header('access-control-allow-methods')).toMatch(/\bPOST\b/);
      for (const name of ['authorization', 'content-type', 'idempotency-key']) {
        expect(answer.header('access-control-allow-headers')?.toLowerCase()).toContain(name);
      }
    });

    it.each(['traceparent,baggage', 'sentry-trace', 'X-Anything'])(
      'answers a preflight with the headers that it asks for: %s',
      async (asked) => {
        const headers = {
          origin: APP,
          'access-control-request-method': 'POST',
          'access-control-request-headers': `authorization, ${asked}, cookie, x-forwarded-for`,
        };
        const answer = await service.send('OPTIONS', '/auth/login', { headers });
        expect(answer.status).toBe(204);
        const permitted = answer.header('access-control-allow-headers')?.toLowerCase().split(', ');
        for (const name of ['authorization', ...asked.toLowerCase().split(',')]) {
          expect(permitted).toContain(name);
        }
        expect(permitted).not.toContain('cookie');
        expect(permitted).not.toContain('x-forwarded-for');
      },
    );

    it('lets apps call from the origins of their web views', async () => {
      const origins = ['capacitor://localhost', 'chrome-extension://abcdefghijklmnop'];
      const other = await suite.open({ CORS_ORIGINS: origins.join() });
      for (const origin of origins) {
        const headers = { origin };
        const answer = await other.post('/auth/register', someone({ transport: 'cookie' }), {
          headers,
        });
        expect(answer.status).toBe(201);
        expect(answer.header('access-control-allow-origin')).toBe(origin);
      }
      const headers = { origin: 'tauri://localhost' };
      const refused = await other.get('/users/me', { headers });
      expect(refused.header('access-control-allow-origin')).toBeUndefined();
    });

    it('grants another origin no preflight', async () => {
      const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      const answer = await service.send('OPTIONS', '/auth/refresh', { headers });
      expect(answer.header('access-control-allow-origin')).toBeUndefined();
    });

    it.each(PUBLIC_METADATA)('lets any read %s', async (path) => {
      for (const origin of ['https://anybody.example', APP]) {
        const answer = await service.get(path, { headers: { origin } });
        expect(['*', origin]).toContain(answer.header('access-control-allow-origin'));
      }
    });
  });

  it('has done no harm: the service is well', async () => {
    expect((await service.get('/health/ready')).status).toBe(200);
    expect((await service.get('/users/me', { bearer })).status).toBe(200);
  });
});
