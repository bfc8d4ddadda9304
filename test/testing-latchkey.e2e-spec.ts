import { connect } from 'node:net';
import {
  createTestLatchkey,
  type Defect,
  DEFECTS,
  MovableClock,
  type SignedIn,
  type TestLatchkey,
  type TestLatchkeyOptions,
} from 'latchkey/testing';
import { ConfigurationError } from '../src/config.js';
import { Database } from '../src/database/database.js';
import { decoded, type Json } from '../src/testing/forged-jwt.js';
import { Client, expectProblem, tokens } from './support/client.js';
import { isSet } from './support/status-list.js';
import { describeOnEachDatabase } from './support/suite.js';

const running: TestLatchkey[] = [];
const clients: Client[] = [];
afterAll(async () => {
  for (const client of clients) client.hangUp();
  await Promise.all(running.map((latchkey) => latchkey.close()));
});

async function start(options?: TestLatchkeyOptions): Promise<[TestLatchkey, Client]> {
  const latchkey = await createTestLatchkey(options);
  const client = new Client(latchkey.baseUrl);
  running.push(latchkey);
  clients.push(client);
  return [latchkey, client];
}

const access = ({ tokens }: SignedIn) => tokens.accessToken;

/** The place of a token's session in the status lists. */
function placeOf(token: string): number {
  const { status } = decoded(token).payload as { status: { status_list: { idx: number } } };
  return status.status_list.idx;
}

async function isMarked(service: Client, token: string): Promise<boolean> {
  const list = decoded((await service.get('/.well-known/status-lists/0')).text).payload;
  return isSet((list['status_list'] as { lst: string }).lst, placeOf(token));
}

describe('createTestLatchkey', () => {
  it('takes settings by their option names and by their environment names', async () => {
    const [latchkey, service] = await start({
      roleScopes: { clerk: ['stock:read'] },
      ACCESS_TOKEN_TTL: '1m',
      accessTokenAudience: ['orders', 'stock'],
      accessTokenTtl: '2m',
      publicUrl: 'https://auth.example.com',
    });
    const { payload } = decoded(access(await latchkey.signInAs({ roles: ['clerk'] })));
    expect(payload).toMatchObject({
      scope: 'stock:read',
      aud: ['orders', 'stock'],
      iss: 'https://auth.example.com',
    });
    expect(Number(payload['exp']) - Number(payload['iat'])).toBeLessThanOrEqual(60);
    expect((await service.get('/health/ready')).status).toBe(200);
  });

  it('refuses settings that the service would refuse', async () => {
    await expect(createTestLatchkey({ ACCESS_TOKEN_TTL: 'soon' })).rejects.toThrow(
      ConfigurationError,
    );
  });

  it('several live side by side, each with its own users, keys and clock', async () => {
    const [[one], [other, service]] = await Promise.all([start(), start()]);
    const stranger = await one.signInAs();
    expectProblem(await service.me(access(stranger)), 'token_invalid');
    await one.advance('1h');
    expect((await one.now()) - (await other.now())).toBeGreaterThan(3_500_000);
  });

  it('close frees the port, lets go of what a race holds, and may come twice', async () => {
    const latchkey = await createTestLatchkey();
    const service = new Client(latchkey.baseUrl);
    await latchkey.order({ route: 'GET /users/me', kind: 'race', with: 2 });
    await service.get('/health/live');
    // On the connection that there is, so it arrives before what needs a new one.
    const held = service.get('/users/me');
    await service.get('/health/live');
    await Promise.all([latchkey.close(), latchkey.close()]);
    expect((await held).status).toBe(401);
    service.hangUp();
    const { port } = new URL(latchkey.baseUrl);
    const refused = await new Promise((done) =>
      connect(Number(port), '127.0.0.1').on('error', done).on('connect', done),
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('the clock goes on by itself, or stands still', async () => {
    const [going] = await start();
    const clock = new MovableClock();
    const [standing] = await start({ clock });
    const before = [await going.now(), await standing.now()];
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await going.now()).toBeGreaterThan(before[0] ?? 0);
    expect(await standing.now()).toBe(before[1]);
    clock.advance('5s');
    expect((await standing.now()) - (before[1] ?? 0)).toBe(5_000);
  });
});

describe('signInAs', () => {
  let latchkey: TestLatchkey;
  let service: Client;
  beforeAll(async () => {
    [latchkey, service] = await start();
  });

  it.each(['body', 'cookie'] as const)(
    'gives what a sign-in by %s gives, member for member',
    async (transport) => {
      const { email, password } = await latchkey.createUser();
      const login = await service.login({ email, password, transport });
      const { user } = tokens(login);
      const signedIn = await latchkey.signInAs({ userId: user.id, transport });
      expect(Object.keys(signedIn.tokens)).toEqual(Object.keys(login.json()));
      expect(signedIn.tokens).toMatchObject({
        tokenType: 'Bearer',
        refreshExpiresIn: 2_592_000,
        user,
      });
      const real = decoded(tokens(login).accessToken).payload;
      expect(Object.keys(decoded(access(signedIn)).payload)).toEqual(Object.keys(real));
      const line = login.cookie('__Host-latchkey-refresh');
      expect(signedIn.cookies.map(({ name, path }) => [name, path])).toEqual(
        line === undefined ? [] : [[line.name, line.attributes['path']]],
      );
    },
  );

  it('with ACCESS_TOKEN_COOKIE and plain names, the cookies are the service’s', async () => {
    const [other] = await start({ accessTokenCookie: true, cookieSecure: false });
    const { cookies, tokens } = await other.signInAs({ transport: 'cookie' });
    expect(cookies.map(({ name, secure, sameSite }) => ({ name, secure, sameSite }))).toEqual([
      { name: 'latchkey-refresh', secure: false, sameSite: 'Strict' },
      { name: 'latchkey-access', secure: false, sameSite: 'Strict' },
    ]);
    expect(cookies[1]?.value).toBe(tokens.accessToken);
  });

  it('a hundred at once are a hundred users with a session each', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => latchkey.signInAs()));
    expect(new Set(all.map(({ user }) => user.email)).size).toBe(100);
    expect(new Set(all.map((one) => placeOf(access(one)))).size).toBe(100);
    const statuses = await Promise.all(
      all.map(async (one) => (await service.me(access(one))).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('nobody can sign in with a password as one whom it made', async () => {
    const { user } = await latchkey.signInAs();
    for (const password of ['a fair wind and a steady hand', '.', 'null']) {
      expectProblem(await service.login({ email: user.email, password }), 'invalid_credentials');
    }
  });

  it('refuses what the service would refuse', async () => {
    await expect(latchkey.signInAs({ email: 'nobody' })).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await expect(latchkey.signInAs({ roles: ['Not A Role'] })).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });
});

describe('client', () => {
  let latchkey: TestLatchkey;
  beforeAll(async () => {
    [latchkey] = await start();
  });

  it.each(['body', 'cookie'] as const)('is the real client, by %s', async (transport) => {
    const { email, password, ...user } = await latchkey.createUser();
    const client = latchkey.client({ transport });
    expect(await client.user()).toBeNull();
    expect(await client.login({ email, password })).toEqual({ email, ...user });
    await latchkey.expireAccessToken();
    expect(await (await client.fetch('/users/me')).json()).toEqual({ email, ...user });
    await client.logout();
    expect(await client.user()).toBeNull();
  });

  it.each(['body', 'cookie'] as const)(
    'is signed in as whom one likes, by %s',
    async (transport) => {
      const signedIn = await latchkey.signInAs({ transport, roles: ['admin'] });
      const client = latchkey.client({ as: signedIn });
      expect(await client.user()).toEqual(signedIn.user);
      expect((await client.fetch('/users')).status).toBe(200);
      await latchkey.revoke(signedIn.tokens.sessionId);
      expect(await client.user()).toBeNull();
    },
  );

  it('two of them know nothing of each other', async () => {
    const one = latchkey.client({ as: await latchkey.signInAs({ transport: 'cookie' }) });
    const other = latchkey.client({ transport: 'cookie' });
    expect(await one.user()).not.toBeNull();
    expect(await other.user()).toBeNull();
  });
});

describe('spoil', () => {
  let latchkey: TestLatchkey;
  let service: Client;
  beforeAll(async () => {
    [latchkey, service] = await start();
  });

  it.each(Object.keys(DEFECTS) as Defect[])('the service refuses the defect %s', async (defect) => {
    const good = access(await latchkey.signInAs());
    expect((await service.me(good)).status).toBe(200);
    expectProblem(await service.me(await latchkey.spoil(good, defect)), 'token_invalid');
  });

  it('takes nothing but an access token', async () => {
    for (const text of ['', 'rubbish', 'eyJ.eyJ.x']) {
      await expect(latchkey.spoil(text, 'expired')).rejects.toMatchObject({
        code: 'malformed_request',
      });
    }
  });
});

describeOnEachDatabase('The controls', (suite) => {
  let latchkey: TestLatchkey;
  let service: Client;
  beforeAll(async () => {
    const { environment } = await suite.freshDatabase();
    [latchkey, service] = await start(environment);
  });

  async function count(table: 'sessions' | 'users' | 'keys'): Promise<number> {
    const database = latchkey.app.get(Database, { strict: false });
    const rows = await database.read((db) => db.selectFrom(table).select('id').execute());
    return rows.length;
  }

  async function listedKeys(): Promise<unknown[]> {
    const { keys } = (await service.get('/.well-known/jwks.json')).json<{ keys: Json[] }>();
    return keys.map(({ kid }) => kid);
  }

  it('advance sweeps what has run out, as the service does from time to time', async () => {
    await latchkey.signInAs();
    expect(await count('sessions')).toBeGreaterThan(0);
    await latchkey.advance('31d');
    expect(await count('sessions')).toBe(0);
  });

  it('advance takes signing keys from stage to stage', async () => {
    const before = decoded(access(await latchkey.signInAs())).header['kid'];
    await latchkey.advance('29d');
    const old = await latchkey.signInAs();
    await latchkey.advance('2d');
    const { header } = decoded(access(await latchkey.signInAs()));
    expect(header['kid']).not.toBe(before);
    expect(await listedKeys()).toEqual([header['kid']]);
    expect(await count('keys')).toBe(4);
    expect((await service.refresh(old.tokens.refreshToken ?? '')).status).toBe(200);
  });

  it('revoke shows in the status list at once', async () => {
    const [ended, alive] = [await latchkey.signInAs(), await latchkey.signInAs()];
    expect(await isMarked(service, access(ended))).toBe(false);
    await latchkey.revoke(ended.tokens.sessionId);
    expect(await isMarked(service, access(ended))).toBe(true);
    expect(await isMarked(service, access(alive))).toBe(false);
  });

  it('reset empties the database but for the keys; tokens from before are refused everywhere', async () => {
    const before = await latchkey.signInAs();
    await latchkey.createServiceClient({ id: 'orders' });
    const keys = await listedKeys();
    await latchkey.reset();
    expect([await count('users'), await count('sessions')]).toEqual([0, 0]);
    expect(await listedKeys()).toEqual(keys);
    expect(await isMarked(service, access(before))).toBe(true);
    const after = await latchkey.signInAs();
    expect(await isMarked(service, access(after))).toBe(false);
    expect((await service.me(access(after))).status).toBe(200);
    await expect(latchkey.createServiceClient({ id: 'orders' })).resolves.toBeDefined();
  });
});
