import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createTestLatchkey,
  type Fault,
  type SignedIn,
  type TestControls,
  type TestLatchkey,
} from 'latchkey/testing';
import { Client, freshEmail, tokens } from './support/client.js';
import { DevServerProcess } from './support/dev-server.js';
import { decoded } from './support/jwt.js';
import { basic, postForm } from './support/oauth.js';

type Kit = TestControls & Pick<TestLatchkey, 'baseUrl' | 'client'>;

interface Started {
  kit: Kit;
  end(): Promise<unknown>;
}

const WAYS: [name: string, start: () => Promise<Started>][] = [
  [
    'in process',
    async () => {
      const kit = await createTestLatchkey();
      return { kit, end: () => kit.close() };
    },
  ],
  [
    'across processes',
    async () => {
      const server = await DevServerProcess.start();
      return { kit: await server.connect(), end: () => server.end() };
    },
  ],
];

const REFRESH = 'POST /auth/refresh';
const NO_UUID = '01a1fd21-0000-7000-8000-000000000000';

describe.each(WAYS)('the controls, %s', (_way, start) => {
  let kit: Kit;
  let service: Client;
  let end: () => Promise<unknown>;

  beforeAll(async () => {
    const started = await start();
    ({ kit, end } = started);
    service = new Client(kit.baseUrl);
  });
  afterAll(async () => {
    service.hangUp();
    await end();
  });

  const access = ({ tokens }: SignedIn) => tokens.accessToken;
  const refreshToken = ({ tokens }: SignedIn) => tokens.refreshToken ?? '';
  const renew = (signedIn: SignedIn) => service.refresh(refreshToken(signedIn));
  const outcomeOf = async (renewal: ReturnType<typeof renew>) =>
    (await renewal).header('refresh-outcome');
  const lost = /hang up|ECONNRESET/;

  describe('signInAs', () => {
    it('makes somebody new, whose tokens the service takes', async () => {
      const signedIn = await kit.signInAs();
      const me = await service.get('/users/me', { headers: signedIn.headers });
      expect([me.status, me.json()]).toEqual([200, signedIn.user]);
      expect(signedIn.user.roles).toEqual(['user']);
      expect((await renew(signedIn)).status).toBe(200);
    });

    it('gives what is asked for: e-mail, names, roles', async () => {
      const email = freshEmail();
      const wanted = { email, username: `u${Date.now()}`, name: 'Ada', roles: ['admin', 'clerk'] };
      const { user, headers } = await kit.signInAs(wanted);
      expect(user).toMatchObject(wanted);
      expect((await service.get('/users', { headers })).status).toBe(200);
    });

    it('signs in one who is there, on one more device', async () => {
      const { user, tokens } = await kit.signInAs();
      const again = await kit.signInAs({ userId: user.id });
      expect(again.user).toEqual(user);
      expect(again.tokens.sessionId).not.toBe(tokens.sessionId);
      expect(await service.sessions(access(again))).toHaveLength(2);
    });

    it('with the cookie transport gives the cookie that a browser would have', async () => {
      const signedIn = await kit.signInAs({ transport: 'cookie' });
      const [cookie] = signedIn.cookies;
      expect(signedIn.tokens).not.toHaveProperty('refreshToken');
      expect(signedIn.storageState).toEqual({ cookies: signedIn.cookies, origins: [] });
      expect(cookie).toMatchObject({ domain: 'localhost', path: '/', httpOnly: true });
      const sent = `${cookie?.name}=${cookie?.value}`;
      const renewal = await service.post('/auth/refresh', undefined, { cookie: sent });
      expect([renewal.status, renewal.header('refresh-outcome')]).toEqual([200, 'rotated']);
    });

    it('refuses an address that is taken, and a user who is not there', async () => {
      const { user } = await kit.signInAs();
      await expect(kit.signInAs({ email: user.email })).rejects.toThrow('has an account already');
      await expect(kit.signInAs({ userId: NO_UUID })).rejects.toThrow('no such user');
    });
  });

  it.each(['body', 'cookie'] as const)(
    'client is one who is signed in already, by %s, and survives a lost answer',
    async (transport) => {
      const signedIn = await kit.signInAs({ transport });
      const client = kit.client({ as: signedIn });
      expect(await client.user()).toMatchObject({ id: signedIn.user.id });
      const renewed = new Promise((resolve) =>
        client.onChange((change) => change.type === 'renewed' && resolve(change.outcome)),
      );
      await kit.expireAccessToken();
      await kit.order({ route: REFRESH, kind: 'lose-answer' });
      await expect(client.fetch('/users/me')).rejects.toMatchObject({ code: 'unreachable' });
      expect(await renewed).toBe('replayed');
      expect((await client.fetch('/users/me')).status).toBe(200);
      client.close();
    },
  );

  it('createUser makes one who can sign in with the password', async () => {
    const { password, ...user } = await kit.createUser({ name: 'Grace' });
    const answer = await service.login({ email: user.email, password });
    expect(tokens(answer).user).toEqual(user);
    expect(user.name).toBe('Grace');
    const chosen = await kit.createUser({ password: 'a password of my own choice' });
    expect(chosen.password).toBe('a password of my own choice');
  });

  it('createServiceClient makes one who gets tokens of its own', async () => {
    const client = await kit.createServiceClient({ scope: 'stock:read', audience: ['stock'] });
    const form = { grant_type: 'client_credentials', scope: 'stock:read' };
    const answer = await postForm(service, '/oauth/token', form, basic(client));
    expect([answer.status, answer.json()]).toEqual([
      200,
      expect.objectContaining({ token_type: 'Bearer', scope: 'stock:read' }),
    ]);
  });

  describe('the clock', () => {
    it('advance moves it, and what has expired is refused', async () => {
      const signedIn = await kit.signInAs();
      const before = await kit.now();
      await kit.advance('11m');
      expect((await kit.now()) - before).toBeGreaterThanOrEqual(11 * 60_000);
      expect((await service.me(access(signedIn))).status).toBe(401);
      expect((await renew(signedIn)).status).toBe(200);
      await kit.advance(31 * 24 * 3_600_000);
      expect((await renew(signedIn)).status).toBe(401);
    });

    it('advance takes nothing but a duration', async () => {
      const before = await kit.now();
      for (const nonsense of ['11 minutes', '', '-5s', -1, Number.NaN]) {
        await expect(kit.advance(nonsense)).rejects.toThrow('11m');
      }
      expect((await kit.now()) - before).toBeLessThan(60_000);
    });

    it('expireAccessToken ends access tokens and no session', async () => {
      const signedIn = await kit.signInAs();
      expect((await service.me(access(signedIn))).status).toBe(200);
      await kit.expireAccessToken();
      expect((await service.me(access(signedIn))).status).toBe(401);
      const { accessToken } = tokens(await renew(signedIn));
      expect((await service.me(accessToken)).status).toBe(200);
    });
  });

  it('the outbox is empty, for nothing sends messages yet', async () => {
    await kit.createUser();
    expect(await kit.outbox()).toEqual([]);
  });

  describe('faults', () => {
    it('lose-answer: the work is done and the answer is lost, and a retry converges', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: REFRESH, kind: 'lose-answer' });
      await expect(renew(signedIn)).rejects.toThrow(lost);
      const retry = await renew(signedIn);
      expect([retry.status, retry.header('refresh-outcome')]).toEqual([200, 'replayed']);
      const next = tokens(retry).refreshToken ?? '';
      expect(next).not.toBe(refreshToken(signedIn));
      expect((await service.refresh(next)).header('refresh-outcome')).toBe('rotated');
    });

    it('lose-answer: who comes back too late without an Idempotency-Key is signed out', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: REFRESH, kind: 'lose-answer' });
      await expect(renew(signedIn)).rejects.toThrow(lost);
      await kit.advance('11s');
      expect(await outcomeOf(renew(signedIn))).toBe('rejected');
    });

    it('lose-answer: a lost sign-out is a sign-out', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: 'POST /auth/logout', kind: 'lose-answer' });
      const body = { refreshToken: refreshToken(signedIn) };
      await expect(service.post('/auth/logout', body)).rejects.toThrow(lost);
      expect((await renew(signedIn)).status).toBe(401);
    });

    it('unavailable: 503 with Retry-After, and nothing was done', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: REFRESH, kind: 'unavailable' });
      const answer = await renew(signedIn);
      expect([answer.status, answer.header('retry-after')]).toEqual([503, '2']);
      expect(answer.json()).toMatchObject({ code: 'storage_unavailable' });
      expect(await outcomeOf(renew(signedIn))).toBe('rotated');
    });

    it('delay: the request waits, and is then answered as ever', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: 'GET /users/me', kind: 'delay', duration: '300ms' });
      const began = performance.now();
      expect((await service.me(access(signedIn))).status).toBe(200);
      expect(performance.now() - began).toBeGreaterThanOrEqual(299);
    });

    it('race: requests wait for each other and go on together', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: REFRESH, kind: 'race', with: 3 });
      let answered = 0;
      const first = [renew(signedIn), renew(signedIn)];
      for (const renewal of first) void renewal.then(() => (answered += 1));
      await sleep(200);
      expect(answered).toBe(0);
      const answers = await Promise.all([...first, renew(signedIn)]);
      const outcomes = answers.map((answer) => answer.header('refresh-outcome'));
      expect(outcomes.sort()).toEqual(['replayed', 'replayed', 'rotated']);
      expect(new Set(answers.map((answer) => tokens(answer).refreshToken)).size).toBe(1);
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    });

    it('clearFaults takes them back, and lets go of what a race holds', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: REFRESH, kind: 'race', with: 2 });
      await kit.order({ route: 'GET /users/me', kind: 'unavailable', times: 5 });
      const held = renew(signedIn);
      await sleep(100);
      await kit.clearFaults();
      expect(await outcomeOf(held)).toBe('rotated');
      expect((await service.me(access(signedIn))).status).toBe(200);
    });

    it('strike so many times, only that route, the oldest first', async () => {
      const signedIn = await kit.signInAs();
      const status = async () => (await service.me(access(signedIn))).status;
      await kit.order({ route: 'GET /users/me', kind: 'unavailable', times: 2 });
      await kit.order({ route: 'GET /users/me', kind: 'lose-answer' });
      expect(await service.sessions(access(signedIn))).toHaveLength(1);
      expect(await outcomeOf(renew(signedIn))).toBe('rotated');
      expect([await status(), await status()]).toEqual([503, 503]);
      await expect(status()).rejects.toThrow(lost);
      expect(await status()).toBe(200);
    });

    it('name a route as the documentation does', async () => {
      const signedIn = await kit.signInAs();
      await kit.order({ route: 'DELETE /auth/sessions/:id', kind: 'unavailable' });
      const path = `/auth/sessions/${signedIn.tokens.sessionId}`;
      const end = async () => (await service.delete(path, { headers: signedIn.headers })).status;
      expect([await end(), await end()]).toEqual([503, 204]);
    });

    it.each<[member: string, fault: unknown]>([
      ['route', { route: '/auth/refresh', kind: 'unavailable' }],
      ['route', { route: 'POST /auth/nothing-there', kind: 'unavailable' }],
      ['kind', { route: REFRESH, kind: 'explode' }],
      ['times', { route: REFRESH, kind: 'unavailable', times: 0 }],
      ['duration', { route: REFRESH, kind: 'delay', duration: '2h' }],
      ['duration', { route: REFRESH, kind: 'unavailable', duration: '1s' }],
      ['with', { route: REFRESH, kind: 'race', with: 1 }],
      ['with', { route: REFRESH, kind: 'lose-answer', with: 2 }],
    ])('are refused where they make no sense: %s of %j', async (member, fault) => {
      const signedIn = await kit.signInAs();
      await expect(kit.order(fault as Fault)).rejects.toThrow(new RegExp(`\\b${member} (must|is)`));
      expect((await renew(signedIn)).status).toBe(200);
    });
  });

  it('rotateSigningKey: a new key signs, and old tokens are still good', async () => {
    const before = await kit.signInAs();
    await kit.rotateSigningKey();
    const after = await kit.signInAs();
    const kids = [before, after].map((signedIn) => decoded(access(signedIn)).header['kid']);
    expect(kids[0]).not.toBe(kids[1]);
    const { keys } = (await service.get('/.well-known/jwks.json')).json<{
      keys: { kid: string }[];
    }>();
    expect(keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(kids));
    for (const one of [before, after]) expect((await service.me(access(one))).status).toBe(200);
  });

  it('spoil makes a token that is refused, out of one that is not', async () => {
    const { tokens, user } = await kit.signInAs();
    const good = tokens.accessToken;
    for (const defect of [
      'expired',
      'wrongAudience',
      'unknownKey',
      'algNone',
      'tampered',
    ] as const) {
      const spoilt = await kit.spoil(good, defect);
      expect([defect, (await service.me(spoilt)).status]).toEqual([defect, 401]);
      expect(decoded(spoilt).payload['jti']).toBe(decoded(good).payload['jti']);
    }
    expect((await service.me(good)).json()).toEqual(user);
    expect(await kit.spoil(good, 'revoked')).toBe(good);
    expect((await service.me(good)).status).toBe(401);
    await expect(kit.spoil('nonsense', 'expired')).rejects.toThrow('access token');
  });

  it('revoke ends a session at once, and no other', async () => {
    const signedIn = await kit.signInAs();
    const other = await kit.signInAs({ userId: signedIn.user.id });
    await kit.revoke(signedIn.tokens.sessionId);
    expect((await service.me(access(signedIn))).status).toBe(401);
    expect((await renew(signedIn)).status).toBe(401);
    expect((await service.me(access(other))).status).toBe(200);
    await expect(kit.revoke(NO_UUID)).rejects.toThrow('no such session');
  });

  it('reset: nobody is there, nobody is signed in, no fault is left, and it is now', async () => {
    const signedIn = await kit.signInAs();
    await kit.advance('3h');
    await kit.order({ route: REFRESH, kind: 'unavailable', times: 9 });
    await kit.reset();
    expect((await service.me(access(signedIn))).status).toBe(401);
    expect((await renew(signedIn)).status).toBe(401);
    expect(Math.abs((await kit.now()) - Date.now())).toBeLessThan(60_000);
    const again = await kit.signInAs({ email: signedIn.user.email, roles: ['admin'] });
    const list = await service.get('/users', { headers: again.headers });
    const shown = { ...again.user, disabled: false, lockedUntil: null };
    expect(list.json<{ items: unknown[] }>().items).toEqual([shown]);
  });
});
