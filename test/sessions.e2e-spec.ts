import {
  type Answer,
  expectInvalid,
  expectProblem,
  freshEmail,
  PASSWORD,
  type Renewed,
  renewed,
  tokens,
} from './support/client.js';
import { withBrokenSignature, withSignature } from './support/jwt.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

describeOnEachDatabase('Sessions', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  /** Somebody who is signed in on several devices. */
  const signedIn = async (devices: number): Promise<Renewed[]> => {
    const email = freshEmail();
    const sessions = [renewed(await service.register({ email }))];
    while (sessions.length < devices) {
      service.clock.advance('1s');
      sessions.push(renewed(tokens(await service.login({ email, password: PASSWORD }))));
    }
    return sessions;
  };

  const expectOver = async ({ accessToken, refreshToken }: Renewed) => {
    expectProblem(await service.me(accessToken), 'token_invalid');
    expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
  };

  const expectAlive = async ({ accessToken, refreshToken }: Renewed) => {
    expect((await service.me(accessToken)).status).toBe(200);
    expect((await service.refresh(refreshToken)).status).toBe(200);
  };

  describe('are listed', () => {
    it('to their user, each with what is known of its device', async () => {
      const email = freshEmail();
      const registered = await service.register({ email });
      const at = new Date(service.clock.now()).toISOString();
      const answer = await service.post(
        '/auth/login',
        { email, password: PASSWORD },
        { headers: { 'user-agent': FIREFOX } },
      );
      const here = tokens(answer);
      const sessions = await service.sessions(here.accessToken);
      expect(sessions).toHaveLength(2);
      const current = sessions.find(({ current: is }) => is);
      expect(current).toEqual({
        id: here.sessionId,
        current: true,
        createdAt: at,
        lastUsedAt: at,
        expiresAt: new Date(service.clock.now() + here.refreshExpiresIn * 1000).toISOString(),
        ip: '127.0.0.1',
        userAgent: FIREFOX,
        device: expect.stringMatching(/Firefox/),
      });
      const other = sessions.find(({ current: is }) => !is);
      expect(other).toMatchObject({ id: registered.sessionId, current: false });
    });

    it('the current one as in use now, whenever its chain moved', async () => {
      const [first] = await signedIn(1);
      const createdAt = new Date(service.clock.now()).toISOString();
      const pair = await service.renew(first?.refreshToken ?? '');
      service.clock.advance('7m');
      const [session] = await service.sessions(pair.accessToken);
      const lastUsedAt = new Date(service.clock.now()).toISOString();
      expect(session).toMatchObject({ createdAt, lastUsedAt });
      expect(Date.parse(session?.expiresAt ?? '')).toBe(service.clock.now() + 30 * 86_400_000);
    });

    it('the others with times to the hour', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const shown = async () => {
        const sessions = await service.sessions(here.accessToken);
        return sessions.find(({ id }) => id === there.sessionId);
      };
      service.clock.advance('3h');
      const { accessToken } = await service.renew(here.refreshToken);
      here.accessToken = accessToken;
      const moved = service.clock.now();
      await service.renew(there.refreshToken);
      const session = await shown();
      const hour = 3_600_000;
      expect(Date.parse(session?.lastUsedAt ?? '')).toBe(Math.floor(moved / hour) * hour);
      expect(Date.parse(session?.expiresAt ?? '') % hour).toBe(0);
      expect(Date.parse(session?.expiresAt ?? '')).toBeGreaterThanOrEqual(moved + 30 * 24 * hour);
    });

    it('a hundred a page, the current one first, each once', async () => {
      const email = freshEmail();
      const first = renewed(await service.register({ email }));
      const made = await service.database.query(
        `select user_id, seed from sessions where id = '${first.sessionId}'`,
      );
      const now = service.clock.now();
      const ids = Array.from(
        { length: 150 },
        (_, each) => `01a20316-4d7e-71ef-94ad-${String(each).padStart(12, '0')}`,
      );
      for (const id of ids) {
        await service.database.query(
          `insert into sessions (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at)
           values ('${id}', '${String(made[0]?.['user_id'])}', 'body', 'seed', 0, ${now}, ${now}, ${now + 9e9})`,
        );
      }
      const seen: string[] = [];
      let path = '/auth/sessions';
      const sizes: number[] = [];
      while (path !== '') {
        const page = (await service.get(path, { bearer: first.accessToken })).json<{
          sessions: { id: string; current: boolean }[];
          nextCursor: string | null;
        }>();
        seen.push(...page.sessions.map(({ id }) => id));
        sizes.push(page.sessions.length);
        expect(page.sessions.findIndex(({ current }) => current)).toBe(sizes.length === 1 ? 0 : -1);
        path = page.nextCursor === null ? '' : `/auth/sessions?cursor=${page.nextCursor}`;
      }
      expect(sizes).toEqual([101, 50]);
      expect(seen).toEqual([first.sessionId, ...ids.reverse()]);
      await service.database.query(
        `delete from sessions where user_id = '${String(made[0]?.['user_id'])}' and seed = 'seed'`,
      );
    });

    it('and refuse a cursor that no page gave out', async () => {
      const [here] = (await signedIn(1)) as [Renewed];
      for (const cursor of ['x', '', 'a'.repeat(500), here.sessionId]) {
        const path = `/auth/sessions?cursor=${cursor}`;
        expectInvalid(await service.get(path, { bearer: here.accessToken }), '/cursor');
      }
    });

    it('without those that have ended or expired', async () => {
      const [stale, ended, here] = (await signedIn(3)) as [Renewed, Renewed, Renewed];
      await service.post('/auth/logout', { refreshToken: ended.refreshToken });
      service.clock.advance('29d');
      const now = await service.renew(here.refreshToken);
      service.clock.advance('2d');
      const { accessToken } = await service.renew(now.refreshToken);
      const ids = (await service.sessions(accessToken)).map(({ id }) => id);
      expect(ids).toEqual([here.sessionId]);
      expect(ids).not.toContain(stale.sessionId);
    });

    it('without any token material', async () => {
      const [first] = (await signedIn(1)) as [Renewed];
      const pair = await service.renew(first.refreshToken);
      const { text } = await service.get('/auth/sessions', { bearer: pair.accessToken });
      for (const token of [pair.accessToken, pair.refreshToken, first.refreshToken]) {
        for (const part of token.split('.').slice(1)) expect(text).not.toContain(part);
      }
      expect(text).not.toMatch(/seed|jti|retry/i);
    });

    it('to nobody else', async () => {
      expectProblem(await service.get('/auth/sessions'), 'token_missing');
      const [hers] = (await signedIn(1)) as [Renewed];
      const [mine] = (await signedIn(1)) as [Renewed];
      const ids = (await service.sessions(mine.accessToken)).map(({ id }) => id);
      expect(ids).not.toContain(hers.sessionId);
    });
  });

  describe('end one by one', () => {
    const end = (id: string, bearer: string) => service.delete(`/auth/sessions/${id}`, { bearer });

    it('by their user, from another device', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const answer = await end(there.sessionId, here.accessToken);
      expect([answer.status, answer.text]).toEqual([204, '']);
      await expectOver(there);
      await expectAlive(here);
    });

    it('also the current one', async () => {
      const [here] = (await signedIn(1)) as [Renewed];
      expect((await end(here.sessionId, here.accessToken)).status).toBe(204);
      await expectOver(here);
    });

    it('but not another user’s: that is not to be found', async () => {
      const [hers] = (await signedIn(1)) as [Renewed];
      const [mine] = (await signedIn(1)) as [Renewed];
      expectProblem(await end(hers.sessionId, mine.accessToken), 'not_found');
      await expectAlive(hers);
    });

    it.each(['unknown', '00000000-0000-7000-8000-000000000000', '%00', '..%2f..', "' or 1=1 --"])(
      'and %j is not to be found',
      async (id) => {
        const [mine] = (await signedIn(1)) as [Renewed];
        const answer = await end(id.includes('%') ? id : encodeURIComponent(id), mine.accessToken);
        expect([400, 404]).toContain(answer.status);
        await expectAlive(mine);
      },
    );
  });

  describe('end at sign-out', () => {
    const logout = (body?: object, sending = {}): Promise<Answer> =>
      service.post('/auth/logout', body, sending);

    it('by the refresh token', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const answer = await logout({ refreshToken: there.refreshToken });
      expect([answer.status, answer.text]).toEqual([204, '']);
      await expectOver(there);
      await expectAlive(here);
    });

    it('by a refresh token that has been replaced', async () => {
      const [first] = (await signedIn(1)) as [Renewed];
      const second = await service.renew(first.refreshToken);
      const third = await service.renew(second.refreshToken);
      expect((await logout({ refreshToken: first.refreshToken })).status).toBe(204);
      await expectOver(third);
    });

    it('by the bearer’s session when there is no refresh token', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      expect((await logout(undefined, { bearer: here.accessToken })).status).toBe(204);
      await expectOver(here);
      await expectAlive(there);
    });

    it('by the refresh token rather than the bearer’s session', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const body = { refreshToken: there.refreshToken };
      expect((await logout(body, { bearer: here.accessToken })).status).toBe(204);
      await expectOver(there);
      await expectAlive(here);
    });

    it('and a second time changes nothing', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      for (let time = 0; time < 3; time += 1) {
        expect((await logout({ refreshToken: there.refreshToken })).status).toBe(204);
      }
      await expectAlive(here);
    });

    it('answers 204 to a dead, a garbled and a missing token', async () => {
      const [mine] = (await signedIn(1)) as [Renewed];
      const bodies = [undefined, {}, { refreshToken: 'garbage' }, { refreshToken: '' }];
      for (const body of bodies) expect((await logout(body)).status).toBe(204);
      const short = withSignature(mine.refreshToken, 'AA');
      for (const refreshToken of [withBrokenSignature(mine.refreshToken), short]) {
        expect((await logout({ refreshToken })).status).toBe(204);
      }
      for (const bearer of ['garbage', withBrokenSignature(mine.accessToken)]) {
        expect((await logout(undefined, { bearer })).status).toBe(204);
      }
      await expectAlive(mine);
    });

    it('refuses a body that is no sign-out', async () => {
      expectInvalid(await logout({ refreshToken: 1 }), '/refreshToken');
      expectInvalid(await logout({ everywhere: true }), '/everywhere');
    });
  });

  describe('end everywhere', () => {
    const logoutAll = (bearer: string, body?: object) =>
      service.post('/auth/logout-all', body, { bearer });

    it('with /auth/logout-all', async () => {
      const all = await signedIn(3);
      const answer = await logoutAll(all[1]?.accessToken ?? '');
      expect([answer.status, answer.text]).toEqual([204, '']);
      for (const session of all) await expectOver(session);
    });

    it('but for the current one with keepCurrent', async () => {
      const [first, here, last] = (await signedIn(3)) as [Renewed, Renewed, Renewed];
      expect((await logoutAll(here.accessToken, { keepCurrent: true })).status).toBe(204);
      await expectOver(first);
      await expectOver(last);
      await expectAlive(here);
    });

    it('also the current one with keepCurrent: false', async () => {
      const all = await signedIn(2);
      const answer = await logoutAll(all[0]?.accessToken ?? '', { keepCurrent: false });
      expect(answer.status).toBe(204);
      for (const session of all) await expectOver(session);
    });

    it('but never those of somebody else', async () => {
      const [hers] = (await signedIn(1)) as [Renewed];
      const [mine] = (await signedIn(1)) as [Renewed];
      await logoutAll(mine.accessToken);
      await expectAlive(hers);
    });

    it('only for somebody with an access token', async () => {
      expectProblem(await service.post('/auth/logout-all', {}), 'token_missing');
      const [mine] = (await signedIn(1)) as [Renewed];
      expectProblem(await logoutAll(mine.refreshToken), 'token_invalid');
      expectInvalid(await logoutAll(mine.accessToken, { keepCurrent: 'yes' }), '/keepCurrent');
      await expectAlive(mine);
    });
  });

  describe('after a change of the password', () => {
    const change = (bearer: string, currentPassword: unknown, newPassword: unknown) =>
      service.post('/auth/password/change', { currentPassword, newPassword }, { bearer });
    const NEXT = 'another wind and another hand';

    it('the others have ended and the current one goes on', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const answer = await change(here.accessToken, PASSWORD, NEXT);
      const next = tokens(answer, 200);
      expect(next.sessionId).toBe(here.sessionId);
      await expectOver(there);
      await expectAlive(renewed(next));
    });

    it('no copy of an earlier refresh token of the current one is good, nor does it end anything', async () => {
      const [first] = (await signedIn(1)) as [Renewed];
      const second = await service.renew(first.refreshToken);
      const third = renewed(tokens(await change(second.accessToken, PASSWORD, NEXT), 200));
      for (const copy of [second.refreshToken, first.refreshToken]) {
        expectProblem(await service.refresh(copy), 'refresh_token_invalid');
      }
      await expectAlive(third);
    });

    it('a renewal of an earlier token that is under way gets no token of the new seed', async () => {
      for (let round = 0; round < 5; round += 1) {
        const [here] = (await signedIn(1)) as [Renewed];
        const [changed, ...thefts] = await Promise.all([
          change(here.accessToken, PASSWORD, NEXT),
          ...Array.from({ length: 6 }, async (_, each) => {
            await new Promise((done) => setTimeout(done, each * 2));
            return service.refresh(here.refreshToken);
          }),
        ]);
        const next = renewed(tokens(changed, 200));
        for (const theft of thefts) {
          if (theft.status !== 200) continue;
          const stolen = renewed(theft.json());
          expectProblem(await service.refresh(stolen.refreshToken), 'refresh_token_invalid');
        }
        await expectAlive(next);
      }
    });

    it('the access tokens of the current one live on', async () => {
      const [here] = (await signedIn(1)) as [Renewed];
      expect((await change(here.accessToken, PASSWORD, NEXT)).status).toBe(200);
      expect((await service.me(here.accessToken)).status).toBe(200);
    });

    it('of two at once one succeeds, and its session goes on', async () => {
      for (let round = 0; round < 5; round += 1) {
        const both = await signedIn(2);
        const answers = await Promise.all(
          both.map(({ accessToken }, index) => change(accessToken, PASSWORD, `${NEXT} ${index}`)),
        );
        const winner = answers.findIndex(({ status }) => status === 200);
        const [won, lost] = [answers[winner], answers[1 - winner]];
        expect([401, 403]).toContain(lost?.status);
        await expectAlive(renewed(tokens(won as Answer)));
        await expectOver(both[1 - winner] as Renewed);
      }
    });

    it('only the new password signs in', async () => {
      const [here] = (await signedIn(1)) as [Renewed];
      await change(here.accessToken, PASSWORD, NEXT);
      const { email } = here.user;
      expectProblem(await service.login({ email, password: PASSWORD }), 'invalid_credentials');
      expect((await service.login({ email, password: NEXT })).status).toBe(200);
    });

    it('a wrong current password is 403, and changes nothing', async () => {
      const [there, here] = (await signedIn(2)) as [Renewed, Renewed];
      const answer = await change(here.accessToken, 'not the right one', NEXT);
      expectProblem(answer, 'reauthentication_required');
      await expectAlive(there);
      await expectAlive(here);
      const { email } = here.user;
      expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
    });

    it('the new one must be as good as any', async () => {
      const [here] = (await signedIn(1)) as [Renewed];
      const bearer = here.accessToken;
      for (const weak of ['short', 'password', 7, null]) {
        expectInvalid(await change(bearer, PASSWORD, weak), '/newPassword');
      }
      expectInvalid(
        await service.post('/auth/password/change', {}, { bearer }),
        '/currentPassword',
        '/newPassword',
      );
      await expectAlive(here);
    });

    it('it takes an access token', async () => {
      const body = { currentPassword: PASSWORD, newPassword: NEXT };
      expectProblem(await service.post('/auth/password/change', body), 'token_missing');
    });
  });
});

describeOnEachDatabase('The address of a session', (suite) => {
  const addressOf = async (service: TestService, forwarded: string) => {
    const email = freshEmail();
    await service.register({ email });
    const headers = { 'x-forwarded-for': forwarded };
    const answer = await service.post('/auth/login', { email, password: PASSWORD }, { headers });
    const { accessToken, sessionId } = tokens(answer);
    return (await service.sessions(accessToken)).find(({ id }) => id === sessionId)?.ip;
  };

  it('is the peer’s, whatever X-Forwarded-For says', async () => {
    expect(await addressOf(await suite.open(), '203.0.113.7')).toBe('127.0.0.1');
    const elsewhere = await suite.open({ TRUST_PROXY: '10.0.0.0/8' });
    expect(await addressOf(elsewhere, '203.0.113.7')).toBe('127.0.0.1');
  });

  it('is the right-most untrusted hop behind a proxy in TRUST_PROXY', async () => {
    const behind = await suite.open({ TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8' });
    expect(await addressOf(behind, '203.0.113.7')).toBe('203.0.113.7');
    expect(await addressOf(behind, '1.1.1.1, 203.0.113.7, 10.1.2.3')).toBe('203.0.113.7');
  });

  it.each([
    ['203.0.113.7:51234', '203.0.113.7'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['64:ff9b::cb00:7107', '203.0.113.7'],
    ['203.0.113.7:51234, [::ffff:10.1.2.3]:80', '203.0.113.7'],
    ['203.0.113.7, unknown', null],
    ['unknown', null],
    ['127.0.0.1', null],
    ['10.0.0.1:80, 10.0.0.2', null],
  ])('behind a proxy that says %s is %s', async (forwarded, expected) => {
    const behind = await suite.open({ TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8' });
    expect(await addressOf(behind, forwarded)).toBe(expected);
  });

  it('is the proxy’s own if it forwards for nobody', async () => {
    const behind = await suite.open({ TRUST_PROXY: '127.0.0.0/8' });
    const { accessToken } = await behind.register();
    expect((await behind.sessions(accessToken))[0]?.ip).toBe('127.0.0.1');
  });
});
