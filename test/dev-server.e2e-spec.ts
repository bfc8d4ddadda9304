import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectDevServer } from 'latchkey/testing';
import { CONTROL_ROUTES } from '../src/testing/control-routes.js';
import { latchkey } from './support/cli.js';
import {
  Client,
  expectInvalid,
  expectProblem,
  type RequestHeaders,
  someone,
} from './support/client.js';
import { DevServerProcess } from './support/dev-server.js';
import { freePort } from './support/free-port.js';
import { endProcesses, spawnService } from './support/process.js';

const TOKEN = 'a-token-of-the-tests';

let server: DevServerProcess;
let control: Client;
let bearer: string;

beforeAll(async () => {
  server = await DevServerProcess.start();
  control = new Client(server.printed.controlUrl);
  bearer = server.printed.controlToken;
});
afterAll(async () => {
  control.hangUp();
  await server.end();
  await endProcesses();
});

/** Starts a dev-server for one test. */
async function using<Result>(
  environment: Record<string, string>,
  args: readonly string[],
  work: (server: DevServerProcess) => Promise<Result>,
): Promise<Result> {
  const other = await DevServerProcess.start(environment, args);
  try {
    return await work(other);
  } finally {
    await other.end('SIGKILL');
  }
}

describe('latchkey dev-server', () => {
  it('does not start with NODE_ENV=production, and says why', async () => {
    const { code, stdout, stderr } = await latchkey({ NODE_ENV: 'production' }, ['dev-server']);
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toBe(
      'latchkey: dev-server signs in anybody without a password, so it does not start with NODE_ENV=production\n',
    );
  });

  it('prints one JSON line, and what it says is there', async () => {
    const { baseUrl, controlUrl, controlToken } = server.printed;
    expect(server.output.stdout).toBe(`${JSON.stringify({ baseUrl, controlUrl, controlToken })}\n`);
    expect(controlToken).toMatch(/^[\w-]{43}$/);
    expect((await fetch(`${baseUrl}/health/ready`)).status).toBe(200);
    expect((await control.get('/', { bearer })).json()).toMatchObject({ baseUrl });
  });

  it('prints for people without --json; ports and token are those that were asked for', async () => {
    const [port, controlPort] = [await freePort(), await freePort()];
    const args = ['--port', String(port), '--control-port', String(controlPort)];
    await using({ LATCHKEY_CONTROL_TOKEN: TOKEN }, args, async ({ output }) => {
      expect(output.stdout.trimEnd().split('\n')).toEqual([
        `Latchkey for tests listens on http://localhost:${port}`,
        `Control port: http://127.0.0.1:${controlPort}`,
        `Token: ${TOKEN}`,
      ]);
      const answer = await fetch(`http://127.0.0.1:${controlPort}/clock`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      expect(answer.status).toBe(200);
    });
  });

  it('takes the settings of the service, but neither its database nor its keys', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-dev-'));
    const file = join(folder, 'latchkey.db');
    const keys = { SIGNING_KEY_FILE: join(folder, 'none.pem'), ACCESS_TOKEN_SECRET: 'short' };
    const data = { DATABASE_URL: `sqlite:${file}`, PORT: '1' };
    const settings = { REGISTRATION: 'closed', ...data, ...keys };
    await using(settings, ['--json'], async ({ printed, output }) => {
      const service = new Client(printed.baseUrl);
      expectProblem(await service.post('/auth/register', someone()), 'forbidden');
      service.hangUp();
      expect(output.stderr).toContain('DATABASE_URL does not count');
      expect(existsSync(file)).toBe(false);
    });
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    [64, 'a token that is too short', ['--control-token', 'short'], {}],
    [64, 'a port that is none', ['--port', '65536'], {}],
    [78, 'a setting that cannot be used', ['--port', '0'], { ACCESS_TOKEN_TTL: 'soon' }],
  ])('ends with %d for %s', async (status, _what, args, environment) => {
    const { code, stdout, stderr } = await latchkey(environment, ['dev-server', ...args]);
    expect([code, stdout]).toEqual([status, '']);
    expect(stderr).toMatch(/control-token|port|ACCESS_TOKEN_TTL/);
  });

  it('ends with 1 when a port is taken, whichever', async () => {
    const taken = createServer();
    await new Promise<void>((ready) => taken.listen(0, '127.0.0.1', ready));
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    for (const args of [
      ['--port', port],
      ['--port', '0', '--control-port', port],
    ]) {
      const { code, stdout, stderr } = await latchkey({}, ['dev-server', ...args]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(port);
    }
    taken.close();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends with 0 at %s, whatever it holds',
    async (signal) => {
      await using({}, ['--json'], async (other) => {
        const kit = await other.connect();
        await kit.order({ route: 'GET /health/live', kind: 'race', with: 2 });
        const held = fetch(`${kit.baseUrl}/health/live`).catch(() => undefined);
        await new Promise((soon) => setTimeout(soon, 200));
        expect(await other.end(signal)).toBe(0);
        await held;
      });
    },
  );
});

describe('the control port', () => {
  const challenge = 'Bearer realm="latchkey-control"';
  const everything = CONTROL_ROUTES.map(({ method, path }) => [method, path] as const);

  it.each(everything)('does not answer %s %s without the token', async (method, path) => {
    const none = await control.send(method, path);
    expectProblem(none, 'token_missing');
    expect(none.header('www-authenticate')).toBe(challenge);
    for (const wrong of ['wrong', `${bearer}x`, bearer.slice(1)]) {
      const answer = await control.send(method, path, { bearer: wrong });
      expectProblem(answer, 'token_invalid');
      expect(answer.header('www-authenticate')).toBe(`${challenge}, error="invalid_token"`);
    }
  });

  it('takes the token in the Authorization header only', async () => {
    expectProblem(await control.get(`/?access_token=${bearer}`), 'token_missing');
    const basic = Buffer.from(`latchkey:${bearer}`).toString('base64');
    const headers = { authorization: `Basic ${basic}` };
    expectProblem(await control.get('/', { headers }), 'token_invalid');
  });

  it('tells who has no token not even what there is', async () => {
    expectProblem(await control.get('/nothing-there'), 'token_missing');
    expectProblem(await control.send('PUT', '/clock'), 'token_missing');
  });

  it('listens on loopback only', async () => {
    const { port } = new URL(control.url);
    const addresses = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    expect(new URL(control.url).hostname).toBe('127.0.0.1');
    for (const { address } of [...addresses, { address: '127.0.0.2' }]) {
      const stranger = new Client(`http://${address}:${port}`);
      await expect(stranger.get('/', { bearer })).rejects.toThrow('ECONNREFUSED');
    }
  });

  it.each([
    'rebound.example.com',
    'rebound.example.com:80',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '10.0.0.1',
  ])('does not answer under the name %s (DNS rebinding)', async (host) => {
    expectProblem(await control.get('/', { bearer, headers: { host } }), 'forbidden');
  });

  it('answers under localhost', async () => {
    const { port } = new URL(control.url);
    const headers = { host: `localhost:${port}` };
    expect((await control.get('/', { bearer, headers })).status).toBe(200);
  });

  it.each<RequestHeaders>([
    { origin: 'https://evil.example.com' },
    { origin: 'http://localhost:5173' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'same-origin' },
  ])('does not answer to a page in a browser: %j', async (headers) => {
    const answer = await control.post('/reset', undefined, { bearer, headers });
    expectProblem(answer, 'cross_site_request');
    expect(answer.header('access-control-allow-origin')).toBeUndefined();
  });

  it('allows no page of CORS_ORIGINS either', async () => {
    const origin = 'http://localhost:5173';
    await using({ CORS_ORIGINS: origin }, ['--json'], async ({ printed }) => {
      const other = new Client(printed.controlUrl);
      const headers = { origin, 'access-control-request-method': 'POST' };
      const preflight = await other.send('OPTIONS', '/reset', { headers });
      expectProblem(preflight, 'cross_site_request');
      expect(preflight.header('access-control-allow-origin')).toBeUndefined();
      other.hangUp();
    });
  });

  it('lists its routes', async () => {
    const { routes } = (await control.get('/', { bearer })).json<{ routes: { route: string }[] }>();
    expect(routes.map(({ route }) => route)).toEqual(
      CONTROL_ROUTES.map(({ method, path }) => `${method} ${path}`),
    );
  });

  it('names unknown and wrong members', async () => {
    const send = (path: string, body: object) => control.post(path, body, { bearer });
    expectInvalid(await send('/sign-in-as', { rolls: ['admin'] }), '/rolls');
    expectInvalid(
      await send('/sign-in-as', { roles: 'admin', transport: 'fax' }),
      '/roles',
      '/transport',
    );
    expectInvalid(await send('/users', { email: 'nobody', userId: '1' }), '/userId');
    expectInvalid(await send('/clock/advance', {}), '/by');
    expectInvalid(await send('/clock/advance', { by: '11m', to: 'then' }), '/to');
    expectInvalid(await send('/faults', { route: 'POST /auth/refresh', kind: 'x' }), '/kind');
    expectInvalid(await send('/reset', { really: true }), '/really');
  });

  it('refuses what is no JSON, unknown paths and other methods', async () => {
    const text = { 'content-type': 'text/plain' };
    const path = '/clock/advance';
    const send = (raw: string, headers: RequestHeaders) =>
      control.send('POST', path, { bearer, raw, headers });
    expectProblem(await send('{"by":"1m"}', text), 'unsupported_media_type');
    const json = { 'content-type': 'application/json' };
    expectProblem(await send('{"by":', json), 'malformed_request');
    expectProblem(await send('[]', json), 'malformed_request');
    expectProblem(await send(`"${'x'.repeat(70_000)}"`, json), 'payload_too_large');
    expectProblem(await control.get('/nothing-there', { bearer }), 'not_found');
    const put = await control.send('PUT', path, { bearer });
    expectProblem(put, 'method_not_allowed');
    expect(put.header('allow')).toBe('POST');
  });

  it('answers 404 for a session or user that is not there, 409 for an address that is taken', async () => {
    expectProblem(await control.post('/sessions/none/revoke', undefined, { bearer }), 'not_found');
    expectProblem(await control.post('/sign-in-as', { userId: 'none' }, { bearer }), 'not_found');
    const email = 'twice@example.com';
    expect((await control.post('/users', { email }, { bearer })).status).toBe(201);
    expectProblem(await control.post('/users', { email }, { bearer }), 'email_taken');
  });

  it('connectDevServer says what is wrong', async () => {
    const { controlUrl } = server.printed;
    await expect(connectDevServer({ controlUrl, controlToken: TOKEN })).rejects.toMatchObject({
      name: 'ControlError',
      status: 401,
      code: 'token_invalid',
      message: 'This is not the control token that dev-server printed.',
    });
    const nobody = `http://127.0.0.1:${await freePort()}`;
    await expect(connectDevServer({ controlUrl: nobody, controlToken: TOKEN })).rejects.toThrow(
      `No dev-server answers at ${nobody}`,
    );
  });
});

describe('a production start', () => {
  /** The scripts that a process had loaded when it ended, as V8's coverage lists them. */
  async function loadedBy(run: (environment: Record<string, string>) => Promise<unknown>) {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-loaded-'));
    await run({ NODE_V8_COVERAGE: folder });
    const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    rmSync(folder, { recursive: true, force: true });
    expect(reports).not.toHaveLength(0);
    return reports
      .flatMap((text) => (JSON.parse(text) as { result: { url: string }[] }).result)
      .map(({ url }) => url.replace(/^.*\/dist\//, ''))
      .filter((path) => path.startsWith('testing/'));
  }

  it('loads nothing of the kit: no clock, no control port, no fault', async () => {
    const loaded = await loadedBy(async (environment) => {
      const service = await spawnService({
        NODE_ENV: 'production',
        BCRYPT_COST: '10',
        ...environment,
      });
      expect((await service.get('/health/ready')).status).toBe(200);
      expect(await service.end('SIGTERM')).toBe(0);
    });
    expect(loaded).toEqual([]);
  });

  it('nor does the command line before dev-server is called for', async () => {
    expect(await loadedBy((environment) => latchkey(environment, ['--help']))).toEqual([]);
    const production = { NODE_ENV: 'production' };
    const refused = (environment: Record<string, string>) =>
      latchkey({ ...environment, ...production }, ['dev-server']);
    expect(await loadedBy(refused)).toEqual([]);
  });

  it('while dev-server does, so this would show', async () => {
    const loaded = await loadedBy((environment) =>
      using(environment, ['--json'], (other) => other.end('SIGTERM')),
    );
    expect(loaded).toEqual(
      expect.arrayContaining(['testing/movable-clock.js', 'testing/control-server.js']),
    );
  });
});
