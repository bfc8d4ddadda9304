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

    it('with the time of the last renewal', async () => {
      const [first] = await signedIn(1);
      const createdAt = new Date(service.clock.now()).toISOString();
      service.clock.advance('3h');
      const pair = await service.renew(first?.refreshToken ?? '');
      const [session] = await service.sessions(pair.accessToken);
      const lastUsedAt = new Date(service.clock.now()).toISOString();
      expect(session).toMatchObject({ createdAt, lastUsedAt });
      expect(Date.parse(session?.expiresAt ?? '')).toBe(service.clock.now() + 30 * 86_400_000);
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
      expect([answer.status, answer.text]).toEqual([204, '']);
      await expectOver(there);
      await expectAlive(here);
    });

    it('of two at once one succeeds, and its session goes on', async () => {
      for (let round = 0; round < 5; round += 1) {
        const both = await signedIn(2);
        const answers = await Promise.all(
          both.map(({ accessToken }, index) => change(accessToken, PASSWORD, `${NEXT} ${index}`)),
        );
        const winner = answers.findIndex(({ status }) => status === 204);
        const loser = answers[1 - winner];
        expect([401, 403]).toContain(loser?.status);
        for (const [index, session] of both.entries()) {
          await (index === winner ? expectAlive(session) : expectOver(session));
        }
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
});
