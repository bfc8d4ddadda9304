import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendBytes, someone } from './support/client.js';
import { describeWithProgram } from './support/needs-program.js';
import { Nginx, replaced } from './support/nginx.js';
import { createClient, serviceToken } from './support/oauth.js';
import { Suite, type TestService } from './support/suite.js';

const CHALLENGE = 'Bearer realm="latchkey"';

/** What the application saw. */
interface Seen {
  method: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** The application behind nginx: answers with what it was asked. */
const application = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
  request.on('end', () => {
    const { method = '', headers } = request;
    response.end(JSON.stringify({ method, headers, body } satisfies Seen));
  });
});

/** The example, in front of these; with the settings that are commented out if wanted. */
function exampleFor(latchkey: string, application: string, everything: boolean): string {
  const text = replaced(readFileSync('examples/nginx/latchkey.conf', 'utf8'), [
    ['server 127.0.0.1:3000;', `server ${new URL(latchkey).host};`],
    ['server 127.0.0.1:4000;', `server ${new URL(application).host};`],
    ['/dev/shm/latchkey', 'cache'],
  ]);
  return everything ? text.replace(/^([ \t]*)#(?=\w)/gm, '$1') : text;
}

/** The settings for nginx in a page of the documentation, in front of these. */
function documented(page: string, latchkey: string, application: string): string {
  const block = /^```nginx\n(.*?)^```$/ms.exec(readFileSync(page, 'utf8'))?.[1] ?? '';
  const locations = replaced(block, [
    ['http://latchkey:3000', latchkey],
    ['http://orders', application],
  ]);
  return `server { listen 127.0.0.1:8080; ${locations} }`;
}

describeWithProgram('nginx', 'examples/nginx', (program) => {
  const suite = new Suite('sqlite');
  const running: Nginx[] = [];
  let applicationUrl = '';
  let service: TestService;
  let site: Nginx;

  const start = async (settings: string) => {
    const nginx = await Nginx.start({ program, folder: resolve('examples/nginx'), settings });
    running.push(nginx);
    return nginx;
  };
  const inFrontOf = (latchkey: string, everything = false) =>
    start(exampleFor(latchkey, applicationUrl, everything));

  beforeAll(async () => {
    await new Promise<void>((ready) => application.listen(0, '127.0.0.1', ready));
    const address = application.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    applicationUrl = `http://127.0.0.1:${address.port}`;
    service = await suite.open({
      ACCESS_TOKEN_COOKIE: 'true',
      TRUST_PROXY: '127.0.0.1',
      ROLE_SCOPES: '{"user":["orders:read"]}',
    });
    site = await inFrontOf(service.url);
  });
  afterAll(async () => {
    await Promise.all(running.map((nginx) => nginx.close()));
    await suite.end();
    application.closeAllConnections();
    await new Promise((done) => application.close(done));
  });

  it('without a token, or with a garbled one: 401 with our challenge, once', async () => {
    for (const path of ['/', '/index.html', '/admin/', '/app/', '/nothing-there']) {
      const answer = await site.get(path);
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.header('www-authenticate')).toBe(CHALLENGE);
      expect(answer.text).not.toContain('signed in');
    }
    const garbled = await site.get('/', { bearer: 'garbage' });
    expect(garbled.status).toBe(401);
    expect(garbled.header('www-authenticate')).toBe(`${CHALLENGE}, error="invalid_token"`);
  });

  it('with a good token: the page, and 304 to who has it already', async () => {
    const { accessToken } = await service.register();
    const page = await site.get('/', { bearer: accessToken });
    expect([page.status, page.header('www-authenticate')]).toEqual([200, undefined]);
    expect(page.text).toContain('For everybody who has signed in');
    expect(page.header('cache-control')).toBe('private, no-cache');
    const headers = { 'if-none-match': page.header('etag') ?? '' };
    expect((await site.get('/', { bearer: accessToken, headers })).status).toBe(304);
    expect((await site.send('HEAD', '/', { bearer: accessToken })).status).toBe(200);
    expect((await site.get('/', { headers })).status).toBe(401);
    expect((await site.get('/nothing-there', { bearer: accessToken })).status).toBe(404);
  });

  it('without the role that is demanded: 403 with our challenge, however the path is written', async () => {
    const { accessToken } = await service.register();
    for (const path of [
      '/admin/',
      '/admin/index.html',
      '//admin/',
      '/%61dmin/index.html',
      '/admin/nothing-there',
    ]) {
      const answer = await site.get(path, { bearer: accessToken });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.header('www-authenticate')).toBe(`${CHALLENGE}, error="insufficient_scope"`);
    }
    const roundabout = `GET /x/../admin/ HTTP/1.0\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`;
    expect(await sendBytes(site.url, roundabout)).toMatch(/^HTTP\/1.1 403 /);
    const bare = await site.get('/admin', { bearer: accessToken });
    expect([bare.status, bare.header('location')]).toEqual([301, '/admin/']);
    const admin = await service.registerAdmin();
    const page = await site.get('/admin/', { bearer: admin.accessToken });
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('For administrators')]);
  });

  it('after a sign-out: 401', async () => {
    const { accessToken, refreshToken } = await service.register();
    expect((await site.get('/', { bearer: accessToken })).status).toBe(200);
    await service.post('/auth/logout', { refreshToken });
    expect((await site.get('/', { bearer: accessToken })).status).toBe(401);
  });

  it('tells the application who is there, and hands on the body', async () => {
    const { id, accessToken } = await service.registerAdmin();
    const answer = await site.send('POST', '/app/notes', { bearer: accessToken, raw: 'a note' });
    const seen = answer.json<Seen>();
    expect([answer.status, seen.method, seen.body]).toEqual([200, 'POST', 'a note']);
    expect(seen.headers).toMatchObject({
      'x-auth-subject': id,
      'x-auth-session': expect.stringMatching(/^[\w-]+$/),
      'x-auth-roles': 'user,admin',
    });
  });

  it('passes on no X-Auth header that a client forged', async () => {
    const forged = {
      'X-Auth-Subject': 'somebody-else',
      'x-auth-session': 'a-session',
      'X-AUTH-ROLES': 'admin',
      'X-Auth-Scope': 'everything',
      X_Auth_Subject: 'somebody-else',
    };
    const { accessToken, user } = await service.register();
    const seenOf = async (bearer: string) =>
      (await site.get('/app/', { bearer, headers: forged })).json<Seen>().headers;
    const seen = await seenOf(accessToken);
    expect(seen['x-auth-subject']).toBe(user.id);
    expect(seen['x-auth-roles']).toBe('user');
    expect(JSON.stringify(seen)).not.toMatch(/somebody-else|a-session|everything/);

    const { access_token } = await serviceToken(service, await createClient(service));
    const ofService = await seenOf(access_token);
    expect(ofService['x-auth-subject']).toMatch(/^service-/);
    expect(ofService).not.toHaveProperty('x-auth-session');
    expect(ofService).not.toHaveProperty('x-auth-roles');
    expect((await site.get('/app/', { headers: forged })).status).toBe(401);
  });

  it('shows the application no cookie with a token, wherever it stands among the others', async () => {
    const made = await site.post('/auth/register', someone({ transport: 'cookie' }));
    const [access, refresh] = ['access', 'refresh'].map(
      (kind) => `__Host-latchkey-${kind}=${made.cookie(`__Host-latchkey-${kind}`)?.value ?? ''}`,
    );
    for (const cookie of [
      `${access}; ${refresh}`,
      `theme=dark; ${refresh}; ${access}; lang=de`,
      `${access}; theme=dark; lang=de; ${refresh}`,
      `theme=dark;${access};${refresh};lang=de`,
    ]) {
      const answer = await site.get('/app/', { cookie });
      expect(answer.status).toBe(200);
      const seen = answer.json<Seen>().headers.cookie ?? '';
      expect(seen).not.toMatch(/latchkey|eyJ/);
      expect(seen.includes('theme=dark')).toBe(cookie.includes('theme=dark'));
      expect(seen.includes('lang=de')).toBe(cookie.includes('lang=de'));
    }
  });

  it('lets a preflight by, and nobody who only says that it is one', async () => {
    const preflight = await site.send('OPTIONS', '/app/');
    expect(preflight.status).toBe(200);
    expect(preflight.json<Seen>().headers).not.toHaveProperty('x-auth-subject');
    const headers = { 'x-forwarded-method': 'OPTIONS' };
    expect((await site.get('/app/', { headers })).status).toBe(401);
  });

  it('lets a browser sign in on the same host, and in with its cookie, but not from another site', async () => {
    const made = await site.post('/auth/register', someone({ transport: 'cookie' }));
    expect(made.status).toBe(201);
    const cookie = `__Host-latchkey-access=${made.cookie('__Host-latchkey-access')?.value}`;
    expect((await site.get('/', { cookie })).status).toBe(200);
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await site.get('/', { cookie, headers })).status).toBe(403);
  });

  it('does not show the locations that it asks itself', async () => {
    const { accessToken } = await service.registerAdmin();
    for (const path of ['/_latchkey/anybody', '/_latchkey/admin', '/_latchkey/']) {
      expect((await site.get(path, { bearer: accessToken })).status).toBe(404);
    }
  });

  it('with Latchkey stopped: 5xx, and nothing of the site', async () => {
    const other = await suite.openFresh();
    const { accessToken } = await other.register();
    const nginx = await inFrontOf(other.url);
    expect((await nginx.get('/', { bearer: accessToken })).status).toBe(200);
    await other.close();
    for (const path of ['/', '/admin/', '/app/']) {
      const answer = await nginx.get(path, { bearer: accessToken });
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(answer.text).not.toMatch(/signed in|administrators/);
    }
    expect((await nginx.get('/')).status).toBeGreaterThanOrEqual(500);
  });

  it('with the cache: asks once in 5 s for each token and demand, never for a cookie', async () => {
    const other = await suite.openFresh({ ACCESS_TOKEN_COOKIE: 'true' });
    const { accessToken, user } = await other.register();
    const second = await other.register();
    const nginx = await inFrontOf(other.url, true);
    const status = async (path: string, bearer?: string, cookie?: string) =>
      (await nginx.get(path, { ...(bearer && { bearer }), ...(cookie && { cookie }) })).status;
    const cookie = `__Host-latchkey-access=${second.accessToken}`;
    expect(await status('/', undefined, cookie)).toBe(200);
    expect(await status('/admin/', accessToken)).toBe(403);
    expect(await status('/', accessToken)).toBe(200);
    await other.close();

    const cached = await nginx.get('/app/', { bearer: accessToken });
    expect(cached.status).toBe(200);
    expect(cached.json<Seen>().headers['x-auth-subject']).toBe(user.id);
    expect(await status('/admin/', accessToken)).toBeGreaterThanOrEqual(500);
    expect(await status('/', second.accessToken)).toBeGreaterThanOrEqual(500);
    expect(await status('/', undefined, cookie)).toBeGreaterThanOrEqual(500);
    expect(await status('/')).toBeGreaterThanOrEqual(500);
    await sleep(6_500);
    expect(await status('/', accessToken)).toBeGreaterThanOrEqual(500);
  });

  it.each(['docs/oauth.md', 'docs/microservices.md'])('and the settings in %s', async (page) => {
    const nginx = await start(documented(page, service.url, applicationUrl));
    const { accessToken, user } = await service.register();
    const headers = Object.fromEntries(
      ['Subject', 'Session', 'Roles', 'Scope'].map((name) => [`X-Auth-${name}`, 'forged']),
    );
    const answer = await nginx.get('/orders/1', { bearer: accessToken, headers });
    expect(answer.status).toBe(200);
    expect(answer.json<Seen>().headers).toMatchObject({
      'x-auth-subject': user.id,
      'x-auth-scope': 'orders:read',
    });
    expect(answer.text).not.toContain('forged');
    const none = await nginx.get('/orders/1');
    expect([none.status, none.header('www-authenticate')]).toEqual([401, CHALLENGE]);
    const { access_token } = await serviceToken(service, await createClient(service));
    const refused = await nginx.get('/orders/1', { bearer: access_token });
    expect(refused.status).toBe(403);
    expect(refused.header('www-authenticate')).toContain('error="insufficient_scope"');
  });
});
