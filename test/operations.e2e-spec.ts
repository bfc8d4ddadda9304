import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expectProblem, PASSWORD, renewed, sendBytes, someone, tokens } from './support/client.js';
import { createDatabase, createPostgres, SECRET, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import {
  endProcesses,
  launch,
  runToEnd,
  type ServiceProcess,
  spawnService,
} from './support/process.js';
import { describeOnEachDatabase, Suite, type TestService } from './support/suite.js';
import { TcpProxy } from './support/tcp-proxy.js';

describeOnEachDatabase('Operation', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('tells that it lives and that it is ready', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const answer = await service.get(path);
      expect(answer.status).toBe(200);
      expect(answer.header('content-type')).toMatch(/json/);
      expect(() => answer.json()).not.toThrow();
    }
  });

  it('counts renewals, sign-ins and sessions in its metrics, and names nobody', async () => {
    const { refreshToken, user } = renewed(await service.register());
    await service.renew(refreshToken);
    await service.login({ email: user.email, password: 'not the right one' });
    const text = await service.metrics();
    expect(text).toMatch(/^# TYPE \w+ counter$/m);
    expect(text).toMatch(/renewals?\w*\{[^}]*"rotated"[^}]*\} 1$/m);
    expect(text).toMatch(/sign_?ins?\w*\{[^}]*\} 1$/m);
    expect(text).toMatch(/^\w*sessions\w* \d+$/m);
    expect(text).not.toContain(user.id);
    expect(text).not.toContain(user.email);
  });

  it('counts in its metrics the sessions that are alive', async () => {
    const fresh = await suite.openFresh();
    await fresh.register();
    await fresh.register();
    const { refreshToken } = renewed(await fresh.register());
    await fresh.post('/auth/logout', { refreshToken });
    expect(await fresh.metrics()).toMatch(/^latchkey_sessions_live 2$/m);
  });

  describe('describes itself in OpenAPI 3.1', () => {
    interface Operation {
      operationId?: string;
      responses: Record<string, unknown>;
      security?: unknown[];
    }
    interface Document {
      openapi: string;
      info: { title: string; version: string };
      paths: Record<string, Record<string, Operation>>;
      components: unknown;
    }
    let document: Document;
    beforeAll(async () => {
      const answer = await service.get('/openapi.json');
      expect(answer.status).toBe(200);
      document = answer.json<Document>();
    });

    const routes: [method: string, path: string][] = [
      ['post', '/auth/register'],
      ['post', '/auth/login'],
      ['post', '/auth/refresh'],
      ['post', '/auth/logout'],
      ['post', '/auth/logout-all'],
      ['get', '/auth/sessions'],
      ['delete', '/auth/sessions/{id}'],
      ['post', '/auth/password/change'],
      ['get', '/users/me'],
      ['patch', '/users/me'],
      ['delete', '/users/me'],
      ['get', '/users'],
      ['post', '/users'],
      ['get', '/users/{id}'],
      ['patch', '/users/{id}'],
      ['delete', '/users/{id}'],
      ['get', '/users/{id}/sessions'],
      ['delete', '/users/{id}/sessions'],
      ['get', '/.well-known/jwks.json'],
      ['get', '/.well-known/oauth-authorization-server'],
      ['get', '/.well-known/openid-configuration'],
      ['get', '/health/live'],
      ['get', '/health/ready'],
    ];
    it.each(routes)('with %s %s', (method, path) => {
      const operation = document.paths[path]?.[method];
      const codes = Object.keys(operation?.responses ?? {});
      expect(codes.some((code) => code.startsWith('2'))).toBe(true);
    });

    it('of version 3.1, with a title', () => {
      expect(document.openapi).toMatch(/^3\.1\.\d+$/);
      expect(document.info).toMatchObject({
        title: expect.stringMatching(/\S/),
        version: expect.stringMatching(/^\d/),
      });
    });

    it('without a reference that leads nowhere', () => {
      const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
      expect(references.length).toBeGreaterThan(0);
      for (const [, pointer = ''] of references) {
        let target: unknown = document;
        for (const step of pointer.split('/')) target = (target as Record<string, unknown>)?.[step];
        expect({ pointer, target }).toEqual({ pointer, target: expect.any(Object) });
      }
    });

    it('with a name of its own for each operation', () => {
      const names = Object.values(document.paths).flatMap((path) =>
        Object.values(path).map(({ operationId }) => operationId),
      );
      const given = names.filter((name) => name !== undefined);
      expect(new Set(given).size).toBe(given.length);
    });

    it('and shows it as a page', async () => {
      const page = await service.get('/docs');
      expect(page.status).toBe(200);
      expect(page.header('content-type')).toMatch(/^text\/html/);
    });
  });

  it('limits the rate of failed sign-ins with 429 and Retry-After', async () => {
    const limited = await suite.open({ RATE_LIMIT: 'on' });
    const { user } = await service.register();
    for (let attempt = 0; attempt < 2_000; attempt += 1) {
      const answer = await limited.login({ email: user.email, password: `wrong ${attempt}` });
      if (answer.status === 401) continue;
      expectProblem(answer, 'rate_limited');
      return expect(answer.header('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    throw new Error('there is no limit');
  });
});

describe('Under too much at once', () => {
  const suite = new Suite('sqlite');
  afterAll(() => suite.end());

  it('refuses sign-ins with 503 and Retry-After, while renewals go on', async () => {
    const slow = await suite.open({ BCRYPT_COST: '10' });
    let pair = renewed(await slow.register());
    const { email } = pair.user;
    const flood = Array.from({ length: 300 }, () => slow.login({ email, password: PASSWORD }));
    pair = await slow.renew(pair.refreshToken);
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(300);
    for (const answer of refused) {
      expectProblem(answer, 'overloaded');
      expect(answer.header('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    await slow.renew(pair.refreshToken);
  });
});

describeOnEachDatabase('An outage of the storage', (suite) => {
  if (suite.kind === 'sqlite') {
    it('of an embedded database that is held by another answers 503', async () => {
      const service = await suite.open();
      const pair = renewed(await service.register());
      const { default: BetterSqlite3 } = await import('better-sqlite3');
      const file = `${service.database.environment['DATABASE_URL']}`.replace('sqlite:', '');
      const holder = new BetterSqlite3(file);
      holder.exec('begin immediate');
      const answer = await service.refresh(pair.refreshToken);
      expectProblem(answer, 'storage_unavailable');
      expect((await service.me(pair.accessToken)).status).toBe(200);
      holder.exec('rollback');
      holder.close();
      await service.renew(pair.refreshToken);
    });
    return;
  }

  let cluster: PostgresCluster;
  let proxy: TcpProxy;
  let database: TestDatabase;
  let service: TestService;
  beforeAll(async () => {
    cluster = await PostgresCluster.create();
    proxy = await TcpProxy.to(Number(new URL(cluster.url()).port));
    database = await createPostgres(cluster.url());
    const through = new URL(`${database.environment['DATABASE_URL']}`);
    through.port = String(proxy.port);
    const environment = { ...database.environment, DATABASE_URL: through.href };
    service = await suite.openOn({ ...database, environment, drop: async () => undefined });
  });
  afterAll(async () => {
    await service.close();
    await proxy.close();
    await cluster.destroy();
  });

  const outages: [what: string, begin: () => Promise<void>, end: () => Promise<void>][] = [
    ['that has stopped', () => cluster.stop(), () => cluster.start()],
    ['that has fallen silent', async () => proxy.fallSilent(), async () => proxy.recover()],
  ];
  it.each(outages)(
    'of a PostgreSQL %s signs nobody out',
    async (_what, begin, end) => {
      const pair = renewed(await service.register());
      const bearer = pair.accessToken;
      await begin();
      const refused = await Promise.all([
        service.refresh(pair.refreshToken),
        service.me(bearer),
        service.get('/auth/sessions', { bearer }),
        service.login({ email: pair.user.email, password: PASSWORD }),
        service.post('/auth/register', someone()),
        service.post('/auth/logout', { refreshToken: pair.refreshToken }),
        service.post('/auth/logout', undefined, { bearer }),
      ]);
      for (const answer of refused) {
        expectProblem(answer, 'storage_unavailable');
        expect(answer.header('retry-after')).toMatch(/^[1-9]\d*$/);
      }
      const ready = await service.get('/health/ready');
      expect(ready.status).toBe(503);
      for (const path of [
        '/.well-known/jwks.json',
        '/.well-known/openid-configuration',
        '/health/live',
      ]) {
        expect((await service.get(path)).status).toBe(200);
      }
      await end();
      while ((await service.get('/health/ready')).status !== 200) await turn();
      expect((await service.me(bearer)).status).toBe(200);
      const next = await service.refresh(pair.refreshToken);
      expect((await service.me(tokens(next).accessToken)).status).toBe(200);
    },
    60_000,
  );
});

describe('The process', () => {
  afterAll(() => endProcesses());

  it('needs nothing but itself: it makes its data and a secret that only its owner reads', async () => {
    const service = await spawnService({});
    const pair = renewed(await service.register());
    expect((await service.me(pair.accessToken)).status).toBe(200);
    const data = join(service.directory, 'data');
    expect(statSync(join(data, 'latchkey.db')).isFile()).toBe(true);
    expect(statSync(join(data, 'latchkey.secret')).mode & 0o777).toBe(0o600);
    const metadata = await service.get('/.well-known/openid-configuration');
    expect(metadata.json()['issuer']).toBe(`http://localhost:${new URL(service.url).port}`);
    expect(await service.end('SIGTERM')).toBe(0);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'finishes what is running on %s, then ends with 0',
    async (signal) => {
      const service = await spawnService({});
      const registration = someone();
      await service.post('/auth/register', registration);
      const { email, password } = registration;
      const body = JSON.stringify({ email, password });
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        expect: '100-continue',
      };
      const running = request(`${service.url}/auth/login`, { method: 'POST', headers });
      running.flushHeaders();
      await once(running, 'continue');
      service.hangUp();
      service.child.kill(signal);
      while (await connects(service.url)) await turn();
      const answered = once(running, 'response');
      running.end(body);
      const [answer] = (await answered) as [{ statusCode: number; resume(): void }];
      answer.resume();
      expect(answer.statusCode).toBe(200);
      expect(await service.exited()).toBe(0);
    },
  );

  it('stays for SHUTDOWN_DELAY, no longer ready', async () => {
    const service = await spawnService({ SHUTDOWN_DELAY: '2s' });
    const pair = renewed(await service.register());
    service.child.kill('SIGTERM');
    while ((await service.get('/health/ready')).status === 200) await turn();
    expect((await service.get('/health/ready')).status).toBe(503);
    expect((await service.get('/health/live')).status).toBe(200);
    expect((await service.me(pair.accessToken)).status).toBe(200);
    expect(await service.exited()).toBe(0);
  });

  it('says all that is wrong with the configuration, by name and without values', async () => {
    const wrong = {
      PORT: 'banana',
      PUBLIC_URL: 'https://secret-host.example/with-slash/',
      DATABASE_URL: 'mysql://root:hunter2@localhost/x',
      LATCHKEY_SECRET: 'too-short-a-secret',
      ACCESS_TOKEN_TTL: 'for-ever',
      ACCESS_TOKEN_ALG: 'ES999',
      BCRYPT_COST: '99',
      CORS_ORIGINS: 'https://app.example.com/path',
      TRUST_PROXY: 'everybody',
      ROLE_SCOPES: '["nonsense"]',
      COOKIE_SAME_SITE: 'sometimes',
      REFRESH_RETRY_WINDOW: '10 bananas',
    };
    const { code, output } = await runToEnd(wrong);
    expect(code).toBe(78);
    for (const [name, value] of Object.entries(wrong)) {
      expect(output).toContain(name);
      expect(output).not.toContain(value);
    }
    expect(output).not.toContain('hunter2');
  });

  it('says what is wrong with files and addresses together with all the rest', async () => {
    const wrong = { BCRYPT_COST: '99', SIGNING_KEY_FILE: '/nowhere/key.pem', HOST: '256.1.1.1' };
    const { code, output } = await runToEnd(wrong);
    expect(code).toBe(78);
    for (const name of Object.keys(wrong)) expect(output).toContain(name);
    for (const value of Object.values(wrong)) expect(output).not.toContain(value);
  });

  it.each<[string, Record<string, string>, string]>([
    ['cheap hashes in production', { NODE_ENV: 'production', BCRYPT_COST: '9' }, 'BCRYPT_COST'],
    [
      'PostgreSQL without a secret',
      { DATABASE_URL: 'postgres://127.0.0.1:1/x' },
      'LATCHKEY_SECRET',
    ],
    ['HS256 without a secret', { ACCESS_TOKEN_ALG: 'HS256' }, 'ACCESS_TOKEN_SECRET'],
    ['a host that is none', { HOST: 'nowhere.invalid' }, 'HOST'],
    ['a key file that is not there', { SIGNING_KEY_FILE: '/nowhere/key.pem' }, 'SIGNING_KEY_FILE'],
  ])('refuses %s with 78', async (_what, environment, name) => {
    const { code, output } = await runToEnd(environment);
    expect(code).toBe(78);
    expect(output).toContain(name);
  });

  it('says whose fault it is when HOST is an address of another machine', async () => {
    const { code, output } = await runToEnd({ HOST: '192.0.2.1' });
    expect([code, output]).toEqual([1, expect.stringMatching(/^HOST is no address of this/m)]);
  });

  it.each(['npm alone', 'all that npm started'])('ends when %s is told to', async (whom) => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-npm-'));
    const port = String(await freePort());
    const npm = spawn('npm', ['start'], {
      env: {
        PATH: process.env['PATH'],
        HOST: '127.0.0.1',
        PORT: port,
        DATABASE_URL: `sqlite:${join(folder, 'latchkey.db')}`,
        SHUTDOWN_DELAY: '2s',
      },
      stdio: 'ignore',
      detached: true,
    });
    const url = `http://127.0.0.1:${port}`;
    while (!(await connects(url))) await turn();
    const told = performance.now();
    process.kill(whom === 'npm alone' ? Number(npm.pid) : -Number(npm.pid), 'SIGTERM');
    while (await connects(url)) await turn();
    expect(performance.now() - told).toBeGreaterThan(1_900);
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives a database that does not come up with 69 after DATABASE_WAIT', async () => {
    const port = await freePort();
    const { code, output } = await runToEnd({
      DATABASE_URL: `postgres://somebody:hunter2@127.0.0.1:${port}/latchkey`,
      DATABASE_WAIT: '1s',
      LATCHKEY_SECRET: SECRET,
    });
    expect(code).toBe(69);
    expect(output).not.toContain('hunter2');
  });

  it('and on SIGTERM ends with 0 while it still waits for it', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const service = await launch({
      DATABASE_URL: `postgres://somebody@127.0.0.1:${port}/latchkey`,
      LATCHKEY_SECRET: SECRET,
    });
    await once(silent, 'connection');
    expect(await service.end('SIGTERM')).toBe(0);
    silent.close();
  });

  it('so, too, one that its PostgreSQL does not know', async () => {
    const database = await createDatabase('postgres');
    await database.drop();
    const { code, output } = await runToEnd({ ...database.environment, DATABASE_WAIT: '1s' });
    expect(code).toBe(69);
    expect(output).toMatch(/^The database cannot be reached: .* does not exist$/m);
  });

  describe('does not wait for what waiting does not mend: it ends at once with 69, and says why', () => {
    const WAIT = { DATABASE_WAIT: '10m' };
    const ended = async (environment: Record<string, string>) => {
      const { code, output } = await runToEnd({ ...WAIT, ...environment });
      expect(code).toBe(69);
      expect(output).not.toContain('waiting');
      expect(output).not.toMatch(/\n +at /);
      return output;
    };

    it('no such database', async () => {
      const database = await createDatabase('postgres');
      await database.drop();
      expect(await ended(database.environment)).toMatch(
        /^The database cannot be reached: .* does not/,
      );
    });

    it('no such user, a wrong password and none at all', async () => {
      const cluster = await PostgresCluster.create();
      try {
        const database = await createPostgres(cluster.url());
        await database.query(`create user guarded password 'the right one'`);
        await cluster.demandPasswords();
        for (const user of ['guarded:hunter2@', 'guarded@', 'nobody:hunter2@']) {
          const url = new URL(`${database.environment['DATABASE_URL']}`);
          const given = `postgres://${user}${url.host}${url.pathname}`;
          const output = await ended({ ...database.environment, DATABASE_URL: given });
          expect(output).toMatch(/^The database cannot be reached: .*password/);
          expect(output).not.toContain('hunter2');
        }
      } finally {
        await cluster.destroy();
      }
    });

    it('TLS that the server does not speak', async () => {
      const { environment, drop } = await createDatabase('postgres');
      const url = `${environment['DATABASE_URL']}?sslmode=require`;
      expect(await ended({ ...environment, DATABASE_URL: url })).toContain('does not support SSL');
      await drop();
    });

    it.each([
      ['a file whose folder is a file', '/etc/passwd/latchkey.db'],
      ['a folder', tmpdir()],
      ['a file that is no database', resolve('package.json')],
      ['a file that may not be made', '/sys/latchkey.db'],
    ])('%s', async (_what, file) => {
      const output = await ended({ DATABASE_URL: `sqlite:${file}` });
      expect(output).toMatch(/^The database cannot be reached: ./);
    });
  });

  it('says what it waits for, at once and then every five seconds', async () => {
    const port = await freePort();
    const { code, output } = await runToEnd({
      DATABASE_URL: `postgres://somebody:hunter2@127.0.0.1:${port}/latchkey`,
      DATABASE_WAIT: '7s',
      LATCHKEY_SECRET: SECRET,
    });
    expect(code).toBe(69);
    const lines = output.split('\n').filter((line) => line.includes('waiting for the database'));
    const times = lines.map((line) => {
      const { level, msg, time } = JSON.parse(line) as Record<'level' | 'msg' | 'time', string>;
      expect([level, msg]).toEqual(['warn', expect.stringContaining('ECONNREFUSED')]);
      return Date.parse(time);
    });
    expect(times).toHaveLength(2);
    expect(Number(times[1]) - Number(times[0])).toBeGreaterThanOrEqual(5_000);
    expect(output).not.toContain('hunter2');
  });

  it('says when it begins to stop, and that it has stopped', async () => {
    const service = await spawnService({});
    await service.end('SIGTERM');
    const lines = service.output.text.trim().split('\n').slice(-2);
    const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(said).toEqual([expect.stringMatching(/^Latchkey stops/), 'Latchkey has stopped']);
  });

  it('goes on when its PostgreSQL breaks off under traffic', async () => {
    const cluster = await PostgresCluster.create();
    try {
      const database = await createPostgres(cluster.url());
      const service = await spawnService({ ...database.environment, LOG_LEVEL: 'fatal' });
      const people = await Promise.all(Array.from({ length: 8 }, () => service.register()));
      let traffic = true;
      const seen = new Set<number>();
      const visitors = people.map(async (person) => {
        let pair = renewed(person);
        while (traffic) {
          const answer = await service.refresh(pair.refreshToken);
          seen.add(answer.status);
          if (answer.status === 200) pair = renewed(tokens(answer));
        }
        return pair;
      });
      for (let outage = 0; outage < 3; outage += 1) {
        while (!seen.has(200)) await turn();
        await cluster.stop();
        while (!seen.has(503)) await turn();
        await cluster.start();
        while ((await service.get('/health/ready')).status !== 200) await turn();
        seen.delete(503);
        expect([...seen]).toEqual([200]);
        seen.clear();
      }
      traffic = false;
      for (const pair of await Promise.all(visitors)) {
        expect((await service.refresh(pair.refreshToken)).status).toBe(200);
      }
      expect(await service.end('SIGTERM')).toBe(0);
    } finally {
      await cluster.destroy();
    }
  });

  it('waits for a database that comes late', async () => {
    const cluster = await PostgresCluster.create();
    try {
      const database = await createPostgres(cluster.url());
      await cluster.stop();
      const starting = spawnService(database.environment);
      await cluster.start();
      const service = await starting;
      expect((await service.get('/health/ready')).status).toBe(200);
      await service.end('SIGTERM');
    } finally {
      await cluster.destroy();
    }
  });

  describe('keeps its log', () => {
    let service: ServiceProcess;
    const secret = 'the wrapping secret that must never be seen';
    const written: string[] = [secret, PASSWORD];

    beforeAll(async () => {
      service = await spawnService({ LOG_LEVEL: 'trace', LATCHKEY_SECRET: secret });
      const pair = renewed(await service.register());
      const next = await service.renew(pair.refreshToken);
      const byCookie = await service.post('/auth/register', someone({ transport: 'cookie' }));
      const cookie = `${byCookie.cookie('__Host-latchkey-refresh')?.value}`;
      written.push(pair.accessToken, pair.refreshToken, next.refreshToken, cookie);
      await service.send('POST', '/auth/refresh', { cookie: `__Host-latchkey-refresh=${cookie}` });
      await service.login({ email: pair.user.email, password: 'wrong-and-secret' });
      await service.post('/auth/refresh', { refreshToken: 'garbled-and-secret' });
      await service.get('/users/me', { bearer: 'bearer-and-secret' });
      await service.get('/users/me', { headers: { authorization: 'Basic basic-and-secret' } });
      await service.get('/users/me?access_token=query-and-secret');
      await service.get('/nowhere');
      await service.send('POST', '/auth/login', {
        raw: '{"password":"broken-and-secret',
        headers: { 'content-type': 'application/json' },
      });
      await service.refresh(pair.refreshToken);
      await service.refresh(next.refreshToken);
      await service.post('/auth/logout', { refreshToken: next.refreshToken });
      await service.end('SIGTERM');
      for (const kind of ['wrong', 'garbled', 'bearer', 'basic', 'query', 'broken']) {
        written.push(`${kind}-and-secret`);
      }
    });

    it('in JSON lines', () => {
      const lines = service.output.text.trim().split('\n');
      expect(lines.length).toBeGreaterThan(5);
      for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    });

    it('with what a refused request was told', () => {
      const lines = service.output.text.trim().split('\n');
      const codes = lines.map((line) => (JSON.parse(line) as { code?: string }).code);
      expect(codes).toEqual(
        expect.arrayContaining([
          'invalid_credentials',
          'refresh_token_invalid',
          'token_invalid',
          'token_missing',
          'malformed_request',
          'not_found',
        ]),
      );
      expect(codes).toContain(undefined);
    });

    it('without a password, a token, a cookie or a secret', () => {
      for (const text of written) {
        expect(service.output.text).not.toContain(text);
        const [, , signature] = text.split('.');
        if (signature !== undefined) expect(service.output.text).not.toContain(signature);
      }
    });
  });
});

/** Whether somebody still listens there. */
async function connects(url: string): Promise<boolean> {
  try {
    await sendBytes(url, 'GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return true;
  } catch {
    return false;
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
