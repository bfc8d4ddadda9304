import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios from 'axios';
import { createClient, type LatchkeyClient } from 'latchkey/client';
import type { Browser, Page } from 'playwright-core';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { withSession } from '../examples/browser/axios.js';
import { kyWithSession } from '../examples/browser/ky.js';
import { createSite } from '../examples/browser/ssr.js';
import { useSession } from '../examples/browser/use-session.js';
import { launchChromium } from './support/chromium.js';
import { Client, freshEmail, PASSWORD, someone } from './support/client.js';
import { freePort } from './support/free-port.js';
import { describeWithProgram } from './support/needs-program.js';
import { Network } from './support/network.js';
import { Suite, type TestService } from './support/suite.js';

/** What the rendered page has. */
declare const client: LatchkeyClient;

const REFRESH = '/auth/refresh';
const suite = new Suite('sqlite');
const opened: LatchkeyClient[] = [];
let service: TestService;

beforeAll(async () => {
  service = await suite.open();
});
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});
afterAll(() => suite.end());

async function signedIn() {
  const network = new Network();
  const baseUrl = service.url;
  const client = createClient({ baseUrl, transport: 'body', fetch: network.fetch });
  opened.push(client);
  const { email } = await client.register({ email: freshEmail(), password: PASSWORD });
  return { client, network, email };
}

describe('examples/browser/axios.ts', () => {
  it('sends the token, and sends again what was refused', async () => {
    const { client, network, email } = await signedIn();
    const api = withSession(axios.create({ baseURL: service.url }), client);
    expect((await api.get('/users/me')).data).toMatchObject({ email });
    service.clock.advance('11m');
    const calls = Array.from({ length: 5 }, (_, at) =>
      api.patch('/users/me', { name: `Ada ${at}` }),
    );
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(network.sent(REFRESH)).toHaveLength(1);
  });

  it('gives up after the second time', async () => {
    const { client, network } = await signedIn();
    const refusing = createServer((_request, response) => response.writeHead(401).end());
    const api = withSession(axios.create({ baseURL: await listen(refusing) }), client);
    await expect(api.get('/orders')).rejects.toMatchObject({ response: { status: 401 } });
    expect(network.sent(REFRESH)).toEqual([]);
    await close(refusing);
  });

  it('sends the token to no other address', async () => {
    const { client } = await signedIn();
    const seen: (string | undefined)[] = [];
    const own = createServer((request, response) => {
      seen.push(request.url);
      response.end();
    });
    const api = withSession(axios.create({ baseURL: await listen(own) }), client);
    await api.get('http://elsewhere.invalid/');
    expect(seen).toEqual(['/http://elsewhere.invalid/']);
    await close(own);
  });
});

describe('examples/browser/ky.ts', () => {
  it('goes through the client', async () => {
    const { client, network, email } = await signedIn();
    const api = kyWithSession(client, service.url);
    expect(await api.get('users/me').json()).toMatchObject({ email });
    service.clock.advance('11m');
    const changed = await api.patch('users/me', { json: { name: 'Ada' } }).json();
    expect(changed).toMatchObject({ name: 'Ada' });
    expect(network.sent(REFRESH)).toHaveLength(1);
  });
});

describe('examples/browser/use-session.ts', () => {
  it('claims to know nothing on the server', async () => {
    const { client } = await signedIn();
    const Page = () => createElement('p', null, useSession(client).status);
    expect(renderToString(createElement(Page))).toBe('<p>unknown</p>');
  });
});

describe('examples/browser/ssr.ts', () => {
  const running: Server[] = [];
  let visitor: Client;
  let site: TestService;

  beforeAll(async () => {
    site = await suite.openFresh({ ACCESS_TOKEN_COOKIE: 'true' });
    const server = createSite(site.url);
    running.push(server);
    visitor = new Client(await listen(server));
  });
  afterAll(async () => {
    visitor.hangUp();
    await Promise.all(running.map(close));
  });

  const signUp = async () => {
    const registration = someone({ transport: 'cookie' });
    const answer = await visitor.post('/auth/register', registration);
    const [refresh, access] = ['refresh', 'access'].map((kind) => {
      const { name, value } = answer.cookie(`__Host-latchkey-${kind}`) ?? { name: '', value: '' };
      return `${name}=${value}`;
    });
    return { email: String(registration.email), refresh: String(refresh), access: String(access) };
  };
  const home = (cookie?: string) => visitor.get('/', cookie === undefined ? {} : { cookie });

  it('renders for the user of the access cookie, and renews nothing', async () => {
    const { email, refresh, access } = await signUp();
    const answer = await home(`${refresh}; ${access}`);
    expect(answer.text).toContain(`Hello, ${email}`);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.header('cache-control')).toBe('no-store');
  });

  it('renews when that has gone, and hands on the new cookies', async () => {
    const { email, refresh } = await signUp();
    const answer = await home(refresh);
    expect(answer.text).toContain(`Hello, ${email}`);
    const next = answer.cookie('__Host-latchkey-refresh');
    expect(next?.attributes).toMatchObject({ httponly: true, secure: true, samesite: 'Strict' });
    expect(answer.cookie('__Host-latchkey-access')).toBeDefined();
    expect((await home(`${next?.name}=${next?.value}`)).text).toContain(email);
  });

  it('signs nobody out whose browser never got the page with the new cookies', async () => {
    const { email, refresh } = await signUp();
    const lost = await home(refresh);
    site.clock.advance('1d');
    const again = await home(refresh);
    expect(again.text).toContain(`Hello, ${email}`);
    const name = '__Host-latchkey-refresh';
    expect(again.cookie(name)?.value).toBe(lost.cookie(name)?.value);
  });

  it('renders for nobody without a session, and after its end', async () => {
    expect((await home()).text).toContain('Nobody is signed in.');
    const { refresh } = await signUp();
    await visitor.post('/auth/logout', undefined, { cookie: refresh });
    expect((await home(refresh)).text).toContain('Nobody is signed in.');
  });

  it('does not say so while Latchkey is away', async () => {
    const server = createSite(`http://127.0.0.1:${await freePort()}`);
    running.push(server);
    const client = new Client(await listen(server));
    const { text } = await client.get('/', { cookie: '__Host-latchkey-refresh=a.b.c' });
    client.hangUp();
    expect(text).toContain('One moment');
  });

  it('escapes what users typed', async () => {
    const registration = {
      ...someone({ transport: 'cookie' }),
      email: `o'neill-${Date.now()}@example.com`,
    };
    const answer = await visitor.post('/auth/register', registration);
    const access = answer.cookie('__Host-latchkey-access');
    expect((await home(`${access?.name}=${access?.value}`)).text).toContain('Hello, o&#39;neill');
  });
});

describeWithProgram('chromium', 'The examples in Chromium', (program) => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  const running: Server[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-example-'));
    browser = await launchChromium(program);
  });
  beforeEach(async () => {
    page = await (await browser.newContext()).newPage();
  });
  afterEach(() => page.context().close());
  afterAll(async () => {
    await browser.close();
    await Promise.all(running.map(close));
    rmSync(folder, { recursive: true });
  });

  /** A service that the pages of a server may call. */
  const serve = async (make: (service: TestService) => Server, environment = {}) => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const own = await suite.open({ CORS_ORIGINS: origin, ...environment });
    const server = make(own);
    running.push(server);
    await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
    return { origin, own };
  };
  const html = (text: string) =>
    createServer((request, response) => {
      const script = request.url === '/app.js';
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html; charset=utf-8');
      response.end(script ? readFileSync(join(folder, 'app.js')) : text);
    });
  const fill = async (email: string, password: string) => {
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  it('plain.html signs in, says what is wrong, stays signed in and signs out', async () => {
    const text = readFileSync('examples/browser/plain.html', 'utf8');
    const { origin, own } = await serve(({ url }) =>
      html(text.replaceAll('http://localhost:3000', url)),
    );
    const email = freshEmail();
    await own.register({ email });
    await page.goto(origin);
    await fill(email, 'not the password');
    await page.getByText('The credentials are not valid.').waitFor();
    await fill(email, PASSWORD);
    await page.getByText(`Hello, ${email}`).waitFor();
    await page.reload();
    await page.getByText(`Hello, ${email}`).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('useSession follows the session in every tab', async () => {
    build(folder);
    const { origin, own } = await serve(() =>
      html('<!doctype html><div id="root"></div><script type="module" src="/app.js"></script>'),
    );
    const email = freshEmail();
    await own.register({ email });
    const address = `${origin}/?service=${own.url}`;
    await page.goto(address);
    const other = await page.context().newPage();
    await other.goto(address);
    await fill(email, PASSWORD);
    await page.getByText(`Hello, ${email}`).waitFor();
    await other.getByText(`Hello, ${email}`).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('ssr.ts renders what the session is, before any script and after', async () => {
    const { origin } = await serve(({ url }) => createSite(url), { ACCESS_TOKEN_COOKIE: 'true' });
    const email = freshEmail();
    await page.goto(origin);
    await page.getByText('Nobody is signed in.').waitFor();
    await page.waitForFunction(() => 'client' in globalThis);
    await page.evaluate(([email, password]) => void client.register({ email, password }), [
      email,
      PASSWORD,
    ] as const);
    await page.getByText(`Hello, ${email}`).waitFor();
    await page.context().clearCookies({ name: '__Host-latchkey-access' });
    const answer = await page.goto(origin);
    expect(await answer?.text()).toContain(`Hello, ${email}`);
    const names = (await page.context().cookies()).map(({ name }) => name).sort();
    expect(names).toEqual(['__Host-latchkey-access', '__Host-latchkey-refresh']);
  });
});

/** Vite runs beside the tests: it is no business of their module loader. */
function build(folder: string): void {
  const config = join(folder, 'vite.config.mjs');
  const args = ['node_modules/vite/bin/vite.js', 'build', '--config', config, '--logLevel', 'warn'];
  writeFileSync(
    config,
    `export default {
      root: ${JSON.stringify(process.cwd())},
      publicDir: false,
      define: { 'process.env.NODE_ENV': '"production"' },
      resolve: { alias: { 'latchkey/client': ${JSON.stringify(join(process.cwd(), 'src/client/index.ts'))} } },
      build: {
        outDir: ${JSON.stringify(folder)},
        emptyOutDir: false,
        lib: { entry: 'examples/browser/react-app.ts', formats: ['es'], fileName: () => 'app.js' },
      },
    };`,
  );
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  expect(status).toBe(0);
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
