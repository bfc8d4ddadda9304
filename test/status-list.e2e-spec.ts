import { createRemoteJWKSet, jwtVerify } from 'jose';
import pg from 'pg';
import {
  type Client,
  freshEmail,
  PASSWORD,
  type Renewed,
  renewed,
  tokens,
} from './support/client.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';
import { decoded } from './support/jwt.js';
import { isSet, placesOf, type StatusList } from './support/status-list.js';
import { Suite, startTestService, type TestService } from './support/suite.js';

interface Place {
  idx: number;
  uri: string;
}

/** Where a token says that its session's end will show. */
function placeOf(accessToken: string): Place {
  const { status } = decoded(accessToken).payload as { status: { status_list: Place } };
  return status.status_list;
}

async function listOn(node: Client, uri: string): Promise<StatusList> {
  const answer = await node.get(new URL(uri, node.url).pathname);
  expect(answer.status).toBe(200);
  return decoded(answer.text).payload as unknown as StatusList;
}

async function hasEnded(node: Client, accessToken: string): Promise<boolean> {
  const { idx, uri } = placeOf(accessToken);
  return isSet((await listOn(node, uri)).status_list.lst, idx);
}

/** Looks again and again for a second, and a few times on a machine that is too busy for that. */
async function endsWithinASecond(node: Client, accessToken: string): Promise<boolean> {
  const patience = performance.now() + 1_000;
  for (let looks = 0; looks < 5 || performance.now() < patience; looks += 1) {
    if (await hasEnded(node, accessToken)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** Two nodes behind one address. */
async function pair(database: TestDatabase): Promise<[TestService, TestService]> {
  const publicUrl = `http://127.0.0.1:${await freePort()}`;
  const environment = { PUBLIC_URL: publicUrl };
  const one = await startTestService({ database, environment });
  const two = await startTestService({ database, environment });
  return [one, two];
}

describe.each(['sqlite', 'postgres'] as const)('Status lists of two nodes on one %s', (kind) => {
  let database: TestDatabase;
  let one: TestService;
  let two: TestService;
  let admin: { id: string; accessToken: string };
  beforeAll(async () => {
    database = await createDatabase(kind);
    [one, two] = await pair(database);
    admin = await one.registerAdmin();
  });
  afterAll(async () => {
    await Promise.all([one?.close(), two?.close()]);
    await database?.drop();
  });

  it('the claim names a list that any library verifies with the published keys', async () => {
    const { accessToken } = await one.register();
    const { idx, uri } = placeOf(accessToken);
    const { iss } = decoded(accessToken).payload;
    expect(Number.isSafeInteger(idx)).toBe(true);
    expect(uri).toBe(`${String(iss)}/.well-known/status-lists/0`);
    const answer = await two.get(new URL(uri).pathname);
    expect(answer.header('content-type')).toBe('application/statuslist+jwt');
    const keys = createRemoteJWKSet(new URL(`${two.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify<StatusList>(answer.text, keys, { typ: 'statuslist+jwt' });
    expect(payload.sub).toBe(uri);
    expect(payload.status_list.bits).toBe(1);
    expect(payload.ttl).toBeGreaterThan(0);
    expect(payload.exp).toBeGreaterThan(payload.iat + payload.ttl);
    expect(isSet(payload.status_list.lst, idx)).toBe(false);
  });

  it('anybody may fetch, keep and ask again for it', async () => {
    const { uri } = placeOf((await one.register()).accessToken);
    const path = new URL(uri).pathname;
    const answer = await one.get(path, { headers: { origin: 'https://elsewhere.example' } });
    expect(answer.header('access-control-allow-origin')).toBe('*');
    const [, age] = /^public, max-age=(\d+)$/.exec(answer.header('cache-control') ?? '') ?? [];
    const { ttl } = decoded(answer.text).payload as unknown as StatusList;
    expect(Number(age)).toBeGreaterThan(0);
    expect(Number(age)).toBeLessThanOrEqual(ttl);
    const etag = answer.header('etag') ?? '';
    for (const node of [one, two]) {
      const again = await node.get(path, { headers: { 'if-none-match': etag } });
      expect([again.status, again.text, again.header('etag')]).toEqual([304, '', etag]);
    }
    expect((await one.send('HEAD', path)).header('etag')).toBe(etag);
    expect((await one.send('POST', path)).status).toBe(405);
    expect((await one.get('/.well-known/status-lists/77')).status).toBe(404);
  });

  it('a session keeps its place through renewals, and no two sessions share one', async () => {
    const first = renewed(await one.register());
    const second = await two.renew(first.refreshToken);
    expect(placeOf(second.accessToken)).toEqual(placeOf(first.accessToken));
    const others = await Promise.all(
      Array.from({ length: 12 }, (_, turn) => (turn % 2 === 0 ? one : two).register()),
    );
    const all = [first.accessToken, ...others.map(({ accessToken }) => accessToken)];
    expect(new Set(all.map((token) => placeOf(token).idx)).size).toBe(13);
  });

  const login = async (email: string): Promise<Renewed> =>
    renewed(tokens(await two.login({ email, password: PASSWORD })));

  /** Each way to end a session. The user has two; the second tells whether it goes on. */
  const ways: Record<string, [(first: Renewed, second: Renewed) => Promise<unknown>, boolean]> = {
    logout: [({ refreshToken }) => one.post('/auth/logout', { refreshToken }), true],
    'logout with the access token': [
      ({ accessToken }) => two.post('/auth/logout', undefined, { bearer: accessToken }),
      true,
    ],
    'logout everywhere': [
      ({ accessToken }) => one.post('/auth/logout-all', {}, { bearer: accessToken }),
      false,
    ],
    'logout everywhere else': [
      (_first, { accessToken }) =>
        one.post('/auth/logout-all', { keepCurrent: true }, { bearer: accessToken }),
      true,
    ],
    'ending it from another device': [
      (first, second) =>
        one.delete(`/auth/sessions/${first.sessionId}`, { bearer: second.accessToken }),
      true,
    ],
    'a new password': [
      (_first, { accessToken }) =>
        two.post(
          '/auth/password/change',
          { currentPassword: PASSWORD, newPassword: 'another wind, another harbour' },
          { bearer: accessToken },
        ),
      true,
    ],
    'the use of a replaced refresh token': [
      async ({ refreshToken }) => {
        await two.renew((await one.renew(refreshToken)).refreshToken);
        return one.refresh(refreshToken);
      },
      true,
    ],
    'the administrator, who signs the user out': [
      ({ user }) => one.delete(`/users/${user.id}/sessions`, { bearer: admin.accessToken }),
      false,
    ],
    'the administrator, who disables the user': [
      ({ user }) =>
        two.patch(`/users/${user.id}`, { disabled: true }, { bearer: admin.accessToken }),
      false,
    ],
    'the administrator, who deletes the user': [
      ({ user }) => one.delete(`/users/${user.id}`, { bearer: admin.accessToken }),
      false,
    ],
    'the user, who deletes himself': [
      ({ accessToken }) =>
        two.send('DELETE', '/users/me', { bearer: accessToken, json: { password: PASSWORD } }),
      false,
    ],
  };

  it.each(Object.entries(ways))(
    '%s shows on both within a second',
    async (_name, [end, goesOn]) => {
      const email = freshEmail();
      const first = renewed(await one.register({ email }));
      const second = await login(email);
      expect(
        await Promise.all([one, two].map((node) => hasEnded(node, first.accessToken))),
      ).toEqual([false, false]);
      await end(first, second);
      const shown = await Promise.all(
        [one, two].map((node) => endsWithinASecond(node, first.accessToken)),
      );
      expect(shown).toEqual([true, true]);
      expect(await hasEnded(one, second.accessToken)).toBe(!goesOn);
    },
  );

  it('a place is not given again to the sessions that come after', async () => {
    const ended = renewed(await one.register());
    await one.post('/auth/logout', { refreshToken: ended.refreshToken });
    await database.query(`delete from sessions where id = '${ended.sessionId}'`);
    const again = await startTestService({ database, environment: {} });
    const later = await Promise.all([one, two, again].map((node) => node.register()));
    const taken = placeOf(ended.accessToken).idx;
    for (const { accessToken } of later) expect(placeOf(accessToken).idx).not.toBe(taken);
    await again.close();
  });

  it('a session from before there were lists gets its place at the next renewal', async () => {
    const old = renewed(await one.register());
    await database.query(`update sessions set status_index = null where id = '${old.sessionId}'`);
    const answers = await Promise.all([
      one.refresh(old.refreshToken),
      two.refresh(old.refreshToken),
    ]);
    const places = answers.map((answer) => placeOf(tokens(answer).accessToken));
    expect(places[0]).toEqual(places[1]);
    expect(places[0]).not.toEqual(placeOf(old.accessToken));
    const [next] = answers.map((answer) => renewed(tokens(answer)));
    await one.post('/auth/logout', { refreshToken: next?.refreshToken });
    expect(await endsWithinASecond(two, next?.accessToken ?? '')).toBe(true);
  });

  it('a session without a place is of no harm to the lists', async () => {
    const old = renewed(await one.register());
    await database.query(`update sessions set status_index = null where id = '${old.sessionId}'`);
    expect((await one.me(old.accessToken)).status).toBe(200);
    await one.post('/auth/logout', { refreshToken: old.refreshToken });
    const other = renewed(await two.register());
    await two.post('/auth/logout', { refreshToken: other.refreshToken });
    expect(await endsWithinASecond(one, other.accessToken)).toBe(true);
  });
});

describe.each(['sqlite', 'postgres'] as const)('Status lists on %s', (kind: DatabaseKind) => {
  const suite = new Suite(kind);
  afterAll(() => suite.end());

  it('outlive a restart', async () => {
    const database = await suite.freshDatabase();
    const before = await startTestService({ database });
    const { accessToken, refreshToken } = renewed(await before.register());
    await before.post('/auth/logout', { refreshToken });
    await before.close();
    const after = await suite.openOn(database);
    expect(await hasEnded(after, accessToken)).toBe(true);
  });

  it('forget a session when its last access token has expired', async () => {
    const service = await suite.openFresh();
    const { accessToken, refreshToken } = renewed(await service.register());
    await service.post('/auth/logout', { refreshToken });
    const { exp } = decoded(accessToken).payload;
    const { uri } = placeOf(accessToken);
    const patience = Date.now() + 1_000;
    while (!(await hasEnded(service, accessToken)) && Date.now() < patience);
    while (service.clock.seconds() <= Number(exp) + 30) {
      expect(await hasEnded(service, accessToken)).toBe(true);
      service.clock.advance('5m');
      await new Promise((resolve) => setTimeout(resolve, 310));
    }
    service.clock.advance('25m');
    await new Promise((resolve) => setTimeout(resolve, 310));
    expect(placesOf((await listOn(service, uri)).status_list.lst)).toEqual([]);
  });
});

it('Status lists go on while PostgreSQL is away, also if nobody had asked before', async () => {
  const database = await createDatabase('postgres');
  const service = await startTestService({ database });
  const name = new URL(database.environment['DATABASE_URL'] ?? '').pathname.slice(1);
  const server = new pg.Client({ connectionString: process.env['LATCHKEY_TEST_POSTGRES'] });
  await server.connect();
  await server.query(`alter database ${name} allow_connections false`);
  await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [
    name,
  ]);
  expect((await service.get('/health/ready')).status).toBe(503);
  const began = performance.now();
  const { lst } = (await listOn(service, '/.well-known/status-lists/0')).status_list;
  expect(placesOf(lst)).toEqual([]);
  expect(performance.now() - began).toBeLessThan(2_000);
  await server.query(`alter database ${name} allow_connections true`);
  const { accessToken, refreshToken } = renewed(await service.register());
  await service.post('/auth/logout', { refreshToken });
  expect(await endsWithinASecond(service, accessToken)).toBe(true);
  await server.end();
  await service.close();
  await database.drop();
});
