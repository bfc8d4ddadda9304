import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import BetterSqlite3 from 'better-sqlite3';
import { readEnvironment } from '../src/config.js';
import { SigningKeys } from '../src/keys/signing-keys.js';
import { createService } from '../src/service.js';
import {
  type Answer,
  Client,
  expectProblem,
  freshEmail,
  PASSWORD,
  type Renewed,
  renewed,
  sendBytes,
  someone,
} from './support/client.js';
import { createDatabase, SECRET, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';
import { decoded } from './support/jwt.js';
import { endProcesses, runToEnd, spawnService } from './support/process.js';
import { describeOnEachDatabase, Suite, type TestService } from './support/suite.js';

/*
 * Faults that were found by attack. Each test is named as the rule that it keeps; `@see` says where the
 * rule stands.
 */

/** @see contract §2, rule 4: «A failed renewal consumes nothing.» */
describe('A renewal that was answered 503', () => {
  let suite: Suite;
  afterEach(() => suite.end());

  /** After the window, and without a key, a second use of a token that was used would be theft. */
  const expectUnconsumed = async (service: TestService, pair: Renewed) => {
    service.clock.advance('1h');
    const answer = await service.refresh(pair.refreshToken);
    expect([answer.status, answer.header('refresh-outcome')]).toEqual([200, 'rotated']);
    const next = renewed(answer.json());
    expect(decoded(next.refreshToken).payload['gen']).toBe(1);
    expect((await service.me(next.accessToken)).status).toBe(200);
  };

  it.each([
    ['as soon as it is answered', 0],
    ['much later', 5_000],
  ])('is not made when its statement reaches PostgreSQL %s', async (_when, later) => {
    suite = new Suite('postgres');
    const { service, way } = await suite.openThroughProxy();
    const pair = renewed(await service.register());
    way.holdFrom('update sessions');
    const begun = performance.now();
    const answer = await service.refresh(pair.refreshToken);
    expectProblem(answer, 'storage_unavailable');
    expect(way.held).toBe(1);
    await sleep(Math.max(0, begun + later - performance.now()));
    way.letThrough();
    await sleep(300);
    await expectUnconsumed(service, pair);
  });

  it('is not made when another process gives its SQLite file back', async () => {
    suite = new Suite('sqlite');
    const service = await suite.open();
    const [one, two] = [renewed(await service.register()), renewed(await service.register())];
    const holder = new BetterSqlite3(fileOf(service.database));
    holder.exec('begin immediate');
    const first = service.refresh(one.refreshToken);
    await sleep(500);
    expectProblem(await service.refresh(two.refreshToken), 'storage_unavailable');
    expectProblem(await first, 'storage_unavailable');
    holder.exec('rollback');
    holder.close();
    await sleep(300);
    await expectUnconsumed(service, one);
    await expectUnconsumed(service, two);
  });
});

/** @see contract §7: «several [processes] on one SQLite file of the same machine are slower but correct» */
describe('While another process writes to the SQLite file', () => {
  const suite = new Suite('sqlite');
  afterAll(() => suite.end());

  it('reads are answered, although a write waits', async () => {
    const service = await suite.open();
    const pair = renewed(await service.register());
    const holder = new BetterSqlite3(fileOf(service.database));
    holder.exec('begin immediate');
    let over = false;
    const waiting = service.refresh(pair.refreshToken).finally(() => (over = true));
    for (let round = 0; round < 10; round += 1) {
      expect((await service.me(pair.accessToken)).status).toBe(200);
      expect((await service.sessions(pair.accessToken)).length).toBe(1);
      await sleep(20);
    }
    expect(over).toBe(false);
    holder.exec('rollback');
    holder.close();
    expect((await waiting).status).toBe(200);
  });
});

/** @see contract §3: «E-mail: trimmed, at most 254 characters, … compared case-insensitively.» */
describe('An e-mail address', () => {
  const CHECK = `
    const { emailKey, isEmail, normalEmail } = await import(process.argv[1]);
    for (const filling of [' ', '.', '@', 'a.', 'Ü', '\\u212a', 'a@']) {
      const text = 'a' + filling.repeat(2_000_000) + 'a';
      if (isEmail(text) || normalEmail(' ' + text) !== text || emailKey(text) === '') process.exit(1);
    }`;

  /** In a process of its own: nothing else stops work that is quadratic. */
  it('of two million characters is judged at once', () => {
    const module = pathToFileURL(resolve('dist/http/email.js')).href;
    const args = ['--input-type=module', '--eval', CHECK, '--', module];
    const { status, signal } = spawnSync(process.execPath, args, { timeout: 20_000 });
    expect([status, signal]).toEqual([0, null]);
  });
});

describeOnEachDatabase('An account', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  /** @see contract §3: «E-mail: … compared case-insensitively.» */
  it('is one, in whatever case its internationalised address is written', async () => {
    const email = 'a@ü.de';
    const { user } = await service.register({ email });
    for (const written of ['A@Ü.de', 'a@Ü.DE', 'A@xn--tda.de', 'a@XN--TDA.DE']) {
      const again = await service.post('/auth/register', someone({ email: written }));
      expectProblem(again, 'email_taken');
      const answer = await service.login({ email: written, password: PASSWORD });
      expect(answer.json<Renewed>().user.id).toBe(user.id);
    }
  });

  /** @see contract §3: «User name: 3 to 32 of a-z 0-9 . _ -» */
  it('is not that of a user name whose letters only look alike', async () => {
    const rest = `${Date.now()}${suite.kind}`;
    const { user } = await service.register({ username: `kim${rest}` });
    const good = await service.login({ username: `KIM${rest}`, password: PASSWORD });
    expect(good.json<Renewed>().user.id).toBe(user.id);
    for (const letter of ['\u212a', 'ｋ', 'К']) {
      const answer = await service.login({ username: `${letter}im${rest}`, password: PASSWORD });
      expectProblem(answer, 'invalid_credentials');
    }
  });
});

/** @see contract §3: `/auth/logout` «204 in every case …; 503 if the end could not be made durable» */
describe.each(['sqlite', 'postgres'] as const)('Two nodes on one %s', (kind) => {
  let database: TestDatabase;
  const nodes: { app: NestFastifyApplication; client: Client }[] = [];
  beforeAll(async () => {
    database = await createDatabase(kind);
    const publicUrl = 'http://latchkey.test';
    for (let number = 0; number < 2; number += 1) {
      const port = await freePort();
      const config = readEnvironment({
        PORT: String(port),
        PUBLIC_URL: publicUrl,
        BCRYPT_COST: '4',
        RATE_LIMIT: 'off',
        ...database.environment,
      });
      const app = await createService(config, { logger: false });
      await app.listen(port, '127.0.0.1');
      nodes.push({ app, client: new Client(`http://127.0.0.1:${port}`) });
    }
  });
  afterAll(async () => {
    for (const { app, client } of nodes) {
      client.hangUp();
      await app.close();
    }
    await database.drop();
  });

  it('sign out by a token that the other has just signed with a new key', async () => {
    const [one, two] = nodes;
    if (one === undefined || two === undefined) throw new Error('there are two');
    for (let round = 0; round < 3; round += 1) {
      const { kid } = await one.app.get(SigningKeys, { strict: false }).rotate({ now: true });
      const { accessToken } = await one.client.register();
      expect(decoded(accessToken).header['kid']).toBe(kid);
      const answer = await two.client.post('/auth/logout', undefined, { bearer: accessToken });
      expect([answer.status, answer.text]).toEqual([204, '']);
      expectProblem(await one.client.me(accessToken), 'token_invalid');
    }
  });

  it('sign nobody out by a key that nobody has made', async () => {
    const [, two] = nodes;
    if (two === undefined) throw new Error('there are two');
    const { accessToken } = await two.client.register();
    const [header = '', ...rest] = accessToken.split('.');
    const forged = { ...decoded(accessToken).header, kid: 'A'.repeat(43) };
    const strange = [Buffer.from(JSON.stringify(forged)).toString('base64url'), ...rest].join('.');
    expect(strange.startsWith(header)).toBe(false);
    const answer = await two.client.post('/auth/logout', undefined, { bearer: strange });
    expect(answer.status).toBe(204);
    expect((await two.client.me(accessToken)).status).toBe(200);
  });
});

describe('A request target', () => {
  const suite = new Suite('sqlite');
  afterAll(() => suite.end());
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  /** Sends a request line as it stands. @returns status and headers in lower case, as they came. */
  const send = async (line: string, body?: string) => {
    const { host } = new URL(service.url);
    const lines = [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close'];
    if (body !== undefined) {
      lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
    }
    const text = await sendBytes(service.url, `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
    const head = text.slice(0, text.indexOf('\r\n\r\n')).toLowerCase();
    return { status: Number(head.split(' ')[1]), head: head.split('\r\n') };
  };

  const REFUSED = JSON.stringify({ refreshToken: 'garbled' });
  const RENEWALS: [target: string][] = [
    ['/auth/refresh'],
    ['/auth/%72efresh'],
    ['/%61uth/refresh'],
    ['/auth/refresh?a=1'],
    ['http://somewhere.example/auth/refresh'],
    ['HTTP://somewhere.example/auth/%72efresh'],
  ];

  /** @see contract §2: «Every answer of `/auth/refresh` but a 5xx carries `Refresh-Outcome`.» */
  it.each(RENEWALS)('%s bears Refresh-Outcome: rejected with every refusal', async (target) => {
    for (const [line, body] of [
      [`POST ${target}`, REFUSED],
      [`POST ${target}`, '{'],
      [`POST ${target}`, 'x'.repeat(70_000)],
      [`POST ${target}`, undefined],
      [`GET ${target}`, undefined],
      [`PUT ${target}`, undefined],
    ] as const) {
      const { status, head } = await send(line, body);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(head).toContain('refresh-outcome: rejected');
    }
  });

  /** @see contract §1: «known path with another method 405 with `Allow`» */
  it.each([
    ['/auth/login', 'POST'],
    ['http://somewhere.example/auth/login', 'POST'],
    ['HTTPS://somewhere.example:8443/auth/login?a=b', 'POST'],
    ['/auth/%6Cogin', 'POST'],
  ])('%s says which methods it takes', async (target, methods) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const { status, head } = await send(`${method} ${target}`);
      expect(status).toBe(405);
      expect(head).toContain(`allow: ${methods.toLowerCase()}`);
    }
  });

  /** @see contract §1: «Never a 5xx for bad input»; «invalid UTF-8 … 400» */
  it.each([
    '/users?query=%ff',
    '/users?query=%c3',
    '/users?query=a%c0%afb',
    '/users?query=%ed%a0%80',
    '/users?%ff=a',
    '/auth/login?a=%fe',
    '/health/live?%80',
    '/users?query=%',
    '/users?query=%zz',
  ])('%s is malformed', async (target) => {
    const { accessToken: bearer } = await service.registerAdmin();
    expectProblem(await service.get(target, { bearer }), 'malformed_request');
  });

  it('with UTF-8 in its query is as good as any', async () => {
    const { accessToken: bearer } = await service.registerAdmin();
    const path = `/users?query=${encodeURIComponent('Zoë 😀 %')}`;
    expect((await service.get(path, { bearer })).status).toBe(200);
  });
});

/** @see contract §1: «429 with `Retry-After` for rate limits»; §3: one answer for «unknown, wrong, disabled and locked» */
describeOnEachDatabase('Guesses at passwords', (suite) => {
  const environment = { RATE_LIMIT: 'on', TRUST_PROXY: '127.0.0.1' };
  let service: TestService;
  beforeEach(async () => {
    service = await suite.openFresh(environment);
  });

  const signIn = (from: string, credentials: object): Promise<Answer> => {
    const headers = { 'x-forwarded-for': from };
    return service.post('/auth/login', credentials, { headers });
  };

  const guess = (from: string, credentials: object) =>
    signIn(from, { ...credentials, password: 'not the right one' });

  it('from one IPv6 network are counted together, whatever the host', async () => {
    for (let host = 1; host <= 100; host += 1) {
      const from = `2001:db8:1:2:${host.toString(16)}::${(host * 7).toString(16)}`;
      expectProblem(await guess(from, { email: freshEmail() }), 'invalid_credentials');
    }
    const answer = await guess('2001:db8:1:2:ffff:eeee:dddd:cccc', { email: freshEmail() });
    expectProblem(answer, 'rate_limited');
    expect(answer.header('retry-after')).toMatch(/^[1-9]\d*$/);
    for (const elsewhere of ['2001:db8:1:3::1', '2001:db8::1', '203.0.113.1']) {
      expectProblem(await guess(elsewhere, { email: freshEmail() }), 'invalid_credentials');
    }
  });

  it('from one address lock the account for that address alone, however many', async () => {
    const { user } = await service.register();
    const { email } = user;
    const seen = new Set<number>();
    for (let attempt = 0; attempt < 310; attempt += 1) {
      seen.add((await guess('203.0.113.1', { email })).status);
    }
    expect([...seen]).toEqual([401, 429]);
    const good = { email, password: PASSWORD };
    expectProblem(await signIn('203.0.113.1', good), 'rate_limited');
    expect((await signIn('203.0.113.2', good)).status).toBe(200);
  });

  it('from a few addresses do not lock the account for everybody', async () => {
    const { user } = await service.register();
    const { email } = user;
    for (let attempt = 0; attempt < 320; attempt += 1) {
      const answer = await guess(`203.0.113.${1 + (attempt % 4)}`, { email });
      expectProblem(answer, 'invalid_credentials');
    }
    expect((await signIn('203.0.113.9', { email, password: PASSWORD })).status).toBe(200);
  });

  it('are counted for the account, by whichever of its names', async () => {
    const username = `kim.${Date.now()}`;
    const email = freshEmail();
    await service.register({ email, username });
    const names = [
      { username },
      { username: username.toUpperCase() },
      { email },
      { email: email.toUpperCase() },
      { email: ` ${email}` },
    ];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await guess('203.0.113.1', names[attempt % names.length] as object);
    }
    for (const name of names) {
      const answer = await signIn('203.0.113.1', { ...name, password: PASSWORD });
      expectProblem(answer, 'invalid_credentials');
    }
    service.clock.advance('16m');
    const answer = await signIn('203.0.113.1', { email, password: PASSWORD });
    expect(answer.status).toBe(200);
  });
});

/** @see contract §7: «every problem is reported at once, by name, without values, exit code 78» */
describe('The configuration', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  });
  afterEach(async () => {
    await endProcesses();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is refused for all its problems at once, also those between settings', async () => {
    const { code, output } = await runToEnd({
      NODE_ENV: 'production',
      PORT: 'banana',
      ACCESS_TOKEN_TTL: 'for-ever',
      ACCESS_TOKEN_ALG: 'HS256',
      BCRYPT_COST: '5',
      COOKIE_SAME_SITE: 'none',
      COOKIE_SECURE: 'false',
      DATABASE_URL: 'postgres://127.0.0.1:1/x',
    });
    expect(code).toBe(78);
    for (const name of [
      'PORT must',
      'ACCESS_TOKEN_TTL must',
      'ACCESS_TOKEN_SECRET is required',
      'BCRYPT_COST below',
      'COOKIE_SAME_SITE=none needs',
      'LATCHKEY_SECRET is required',
    ]) {
      expect(output).toContain(name);
    }
    expect(output).not.toMatch(/banana|for-ever/);
  });

  it('is refused for one problem only once: what can’t be read is not compared', async () => {
    const { code, output } = await runToEnd({
      ACCESS_TOKEN_ALG: 'ES999',
      ACCESS_TOKEN_SECRET: SECRET,
    });
    expect(code).toBe(78);
    expect(output).toContain('ACCESS_TOKEN_ALG must');
    expect(output).not.toContain('ACCESS_TOKEN_SECRET');
  });

  /** @see contract §7: «made and kept in `./data` with mode 0600 for SQLite» */
  it('of a database that has keys is refused without the secret that was kept for them', async () => {
    const environment = { DATABASE_URL: `sqlite:${join(directory, 'latchkey.db')}` };
    const secret = join(directory, 'latchkey.secret');
    const service = await spawnService(environment);
    await service.register();
    expect(await service.end('SIGTERM')).toBe(0);
    rmSync(secret);
    const { code, output } = await runToEnd(environment);
    expect(code).toBe(78);
    expect(output).toContain('LATCHKEY_SECRET');
    expect(existsSync(secret)).toBe(false);
  });

  it('keeps the SQLite file and all beside it for its owner alone', async () => {
    const service = await spawnService({
      DATABASE_URL: `sqlite:${join(directory, 'data', 'latchkey.db')}`,
    });
    await service.register();
    const modes = ['latchkey.db', 'latchkey.db-wal', 'latchkey.db-shm', 'latchkey.secret'].map(
      (name) => statSync(join(directory, 'data', name)).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700);
    await service.end('SIGTERM');
  });
});

function fileOf(database: TestDatabase): string {
  return `${database.environment['DATABASE_URL']}`.replace('sqlite:', '');
}
