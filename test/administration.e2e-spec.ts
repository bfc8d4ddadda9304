import type { SessionView, UserView } from '../src/contract/responses.js';
import {
  type Answer,
  expectInvalid,
  expectProblem,
  freshEmail,
  PASSWORD,
  renewed,
  tokens,
  user,
} from './support/client.js';
import { decoded } from './support/jwt.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

interface Page {
  items: UserView[];
  nextCursor: string | null;
}

describeOnEachDatabase('Administration', (suite) => {
  let service: TestService;
  let bearer: string;
  let adminId: string;
  beforeAll(async () => {
    service = await suite.open();
    ({ accessToken: bearer, id: adminId } = await service.registerAdmin());
  });

  const create = (body: object) => service.post('/users', body, { bearer });
  const change = (id: string, body: object) => service.patch(`/users/${id}`, body, { bearer });

  describe('is for administrators', () => {
    const routes: [method: string, path: string, body: object | undefined][] = [
      ['GET', '/users', undefined],
      ['POST', '/users', { email: 'x@example.com', password: PASSWORD }],
      ['GET', '/users/ID', undefined],
      ['PATCH', '/users/ID', { name: 'Mallory' }],
      ['DELETE', '/users/ID', undefined],
      ['GET', '/users/ID/sessions', undefined],
      ['DELETE', '/users/ID/sessions', undefined],
    ];
    it.each(routes)('%s %s', async (method, path, json) => {
      const { accessToken, user: plain } = await service.register();
      const target = path.replace('ID', plain.id);
      const nobody = await service.send(method, target, { json });
      expectProblem(nobody, 'token_missing');
      expect(nobody.header('www-authenticate')).toBe('Bearer realm="latchkey"');
      const refused = await service.send(method, target, { json, bearer: accessToken });
      expectProblem(refused, 'forbidden');
      expect(refused.header('www-authenticate')).toContain('error="insufficient_scope"');
      expect(user(await service.me(accessToken))).toEqual(plain);
    });
  });

  describe('creates users', () => {
    it('with the members of registration, roles and emailVerified', async () => {
      const email = freshEmail();
      const username = `made${Date.now()}`;
      const answer = await create({
        email,
        password: PASSWORD,
        username,
        name: 'Made by hand',
        roles: ['editor', 'user'],
        emailVerified: true,
      });
      expect(answer.status).toBe(201);
      expect(answer.json<UserView>()).toMatchObject({
        email,
        emailVerified: true,
        username,
        name: 'Made by hand',
        roles: expect.arrayContaining(['editor', 'user']),
      });
      const signedIn = tokens(await service.login({ email, password: PASSWORD }));
      expect({ ...signedIn.user, disabled: false, lockedUntil: null }).toEqual(answer.json());
    });

    it('with the role «user» unless told otherwise', async () => {
      const answer = await create({ email: freshEmail(), password: PASSWORD });
      expect(answer.json()).toMatchObject({ roles: ['user'], emailVerified: false });
    });

    it('also where registration is closed', async () => {
      const closed = await suite.openFresh({ REGISTRATION: 'closed' });
      const opened = await suite.openOn(closed.database, { PUBLIC_URL: closed.url });
      const admin = await opened.registerAdmin();
      const body = { email: freshEmail(), password: PASSWORD };
      const answer = await closed.post('/users', body, { bearer: admin.accessToken });
      expect(answer.status).toBe(201);
    });

    it('but not twice with one address or user name', async () => {
      const [email, username] = [freshEmail(), `dup${Date.now()}`];
      await create({ email, password: PASSWORD, username });
      const address = await create({ email: email.toUpperCase(), password: PASSWORD });
      expectProblem(address, 'email_taken');
      const name = await create({ email: freshEmail(), password: PASSWORD, username });
      expectProblem(name, 'username_taken');
    });

    it.each<[object, ...string[]]>([
      [{}, '/email', '/password'],
      [{ email: 'x', password: PASSWORD }, '/email'],
      [{ email: 'a@example.com', password: 'short' }, '/password'],
      [{ email: 'a@example.com', password: PASSWORD, roles: 'admin' }, '/roles'],
      [{ email: 'a@example.com', password: PASSWORD, roles: ['Admin'] }, '/roles'],
      [{ email: 'a@example.com', password: PASSWORD, roles: ['9to5'] }, '/roles'],
      [{ email: 'a@example.com', password: PASSWORD, roles: ['r'.repeat(33)] }, '/roles'],
      [{ email: 'a@example.com', password: PASSWORD, roles: [null] }, '/roles'],
      [{ email: 'a@example.com', password: PASSWORD, emailVerified: 'yes' }, '/emailVerified'],
      [{ email: 'a@example.com', password: PASSWORD, disabled: true }, '/disabled'],
    ])('and refuses %j', async (body, ...pointers) => {
      const problem = expectProblem(await create(body), 'validation_failed');
      const named = (problem.errors ?? []).map(({ pointer }) => `/${pointer.split('/')[1]}`);
      expect([...new Set(named)].sort()).toEqual(pointers);
    });
  });

  describe('lists users', () => {
    const list = async (query: string): Promise<Page> => {
      const answer = await service.get(`/users${query}`, { bearer });
      expect(answer.status).toBe(200);
      return answer.json<Page>();
    };
    const marker = `zz${Date.now().toString(36)}`;
    const made: string[] = [];
    beforeAll(async () => {
      for (let number = 0; number < 7; number += 1) {
        service.clock.advance('1s');
        const email = `${marker}-${number}@example.com`;
        made.unshift((await service.register({ email })).user.id);
      }
    });

    it('newest first', async () => {
      const { items } = await list(`?query=${marker}`);
      expect(items.map(({ id }) => id)).toEqual(made);
      expect(items[0]).toMatchObject({
        id: made[0],
        email: `${marker}-6@example.com`,
        emailVerified: false,
        username: null,
        name: null,
        roles: ['user'],
        createdAt: new Date(service.clock.now()).toISOString(),
      });
    });

    it('page by page, each user once, although others come in between', async () => {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const at: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page: Page = await list(`?query=${marker}&limit=3${at}`);
        expect(page.items.length).toBeLessThanOrEqual(3);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        if (seen.length === 3) {
          service.clock.advance('1s');
          await service.register({ email: `${marker}-later-${suite.kind}@example.com` });
        }
      }
      expect(seen).toEqual(made);
    });

    it('with null for the cursor after the last page', async () => {
      expect((await list(`?query=${marker}&limit=200`)).nextCursor).toBeNull();
      expect(await list('?query=nobody-is-called-that')).toEqual({ items: [], nextCursor: null });
    });

    it('50 at a time', async () => {
      for (let number = 0; number < 52; number += 1) await service.register();
      expect((await list('')).items).toHaveLength(50);
      expect((await list('?limit=1')).items).toHaveLength(1);
      expect((await list('?limit=200')).items.length).toBeGreaterThan(52);
    });

    it('by the start of e-mail, user name or name, in whatever case', async () => {
      const word = `q${Date.now().toString(36)}`;
      const byName = await service.register({ name: `${word.toUpperCase()} Smith` });
      const byUsername = await service.register({ username: `${word}.u` });
      const byEmail = await service.register({ email: `${word}@example.com` });
      await service.register({ name: `not at the start ${word}` });
      for (const query of [word, word.toUpperCase()]) {
        const { items } = await list(`?query=${query}`);
        expect(items.map(({ id }) => id).sort()).toEqual(
          [byName, byUsername, byEmail].map((each) => each.user.id).sort(),
        );
      }
    });

    it('and takes no wildcards', async () => {
      for (const query of ['%25', '_', '%25%25', '*', '%5C']) {
        expect((await list(`?query=${query}`)).items).toEqual([]);
      }
    });

    it.each([
      'limit=0',
      'limit=201',
      'limit=-1',
      'limit=1.5',
      'limit=ten',
      'limit=',
      'limit=1&limit=2',
      'cursor=garbage',
      'order=asc',
      '__proto__=1',
    ])('and refuses ?%s', async (query) => {
      const problem = expectProblem(
        await service.get(`/users?${query}`, { bearer }),
        'validation_failed',
      );
      expect(problem.errors?.map(({ pointer }) => pointer)).toEqual([`/${query.split('=')[0]}`]);
    });
  });

  describe('looks at one user', () => {
    it('by id', async () => {
      const { user: her } = await service.register({ name: 'Her' });
      expect(user(await service.get(`/users/${her.id}`, { bearer }))).toMatchObject(her);
    });

    it.each(['nobody', '00000000-0000-7000-8000-000000000000', '%F0%9F%A6%89'])(
      'and does not find %s',
      async (id) => {
        for (const method of ['GET', 'DELETE'] as const) {
          expectProblem(await service.send(method, `/users/${id}`, { bearer }), 'not_found');
        }
        expectProblem(await change(id, { name: 'x' }), 'not_found');
        expectProblem(await service.get(`/users/${id}/sessions`, { bearer }), 'not_found');
        expectProblem(await service.delete(`/users/${id}/sessions`, { bearer }), 'not_found');
      },
    );
  });

  describe('changes users', () => {
    it('their names and their address', async () => {
      const registered = await service.register();
      const [email, username] = [`New.${freshEmail()}`, `changed${Date.now()}`];
      const changed = user(await change(registered.user.id, { email, username, name: 'Changed' }));
      expect(changed).toMatchObject({ email, username, name: 'Changed' });
      expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
      const before = { email: registered.user.email, password: PASSWORD };
      expectProblem(await service.login(before), 'invalid_credentials');
    });

    it('but gives nobody what somebody has', async () => {
      const [one, other] = [await service.register(), await service.register()];
      const { email } = one.user;
      expectProblem(await change(other.user.id, { email }), 'email_taken');
      const username = `kept${Date.now()}`;
      await change(one.user.id, { username });
      expectProblem(await change(other.user.id, { username }), 'username_taken');
    });

    it.each<[object, string]>([
      [{ email: null }, '/email'],
      [{ roles: 'admin' }, '/roles'],
      [{ roles: null }, '/roles'],
      [{ disabled: 'yes' }, '/disabled'],
      [{ disabled: null }, '/disabled'],
      [{ password: PASSWORD }, '/password'],
      [{ id: 'x' }, '/id'],
      [{ createdAt: '2020-01-01T00:00:00Z' }, '/createdAt'],
    ])('and refuses %j', async (body, pointer) => {
      const { user: her, accessToken } = await service.register();
      expectInvalid(await change(her.id, body), pointer);
      expect(user(await service.me(accessToken))).toEqual(her);
    });

    it('and a change of roles shows in the next access token', async () => {
      const first = renewed(await service.register());
      const changed = user(await change(first.user.id, { roles: ['user', 'editor'] }));
      expect(changed.roles.sort()).toEqual(['editor', 'user']);
      expect(decoded(first.accessToken).payload['roles']).toEqual(['user']);
      const next = await service.renew(first.refreshToken);
      expect([...(decoded(next.accessToken).payload['roles'] as string[])].sort()).toEqual([
        'editor',
        'user',
      ]);
      expect((await service.me(first.accessToken)).status).toBe(200);
    });

    it('and a new administrator may do as one after a renewal', async () => {
      const first = renewed(await service.register());
      await change(first.user.id, { roles: ['admin'] });
      const { accessToken } = await service.renew(first.refreshToken);
      expect((await service.get('/users', { bearer: accessToken })).status).toBe(200);
      await change(first.user.id, { roles: ['user'] });
    });
  });

  describe('disables users', () => {
    it('which ends every session at once', async () => {
      const first = renewed(await service.register());
      const { email } = first.user;
      const second = renewed(tokens(await service.login({ email, password: PASSWORD })));
      expect((await change(first.user.id, { disabled: true })).status).toBe(200);
      for (const { accessToken, refreshToken } of [first, second]) {
        expectProblem(await service.me(accessToken), 'token_invalid');
        expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
      }
      expectProblem(await service.login({ email, password: PASSWORD }), 'invalid_credentials');
    });

    it('until they are enabled again, without their old sessions', async () => {
      const first = renewed(await service.register());
      const { email, id } = first.user;
      await change(id, { disabled: true });
      await change(id, { disabled: false });
      expectProblem(await service.refresh(first.refreshToken), 'refresh_token_invalid');
      expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
    });
  });

  describe('deletes users', () => {
    it('and their sessions, at once', async () => {
      const first = renewed(await service.register());
      const { email, id } = first.user;
      const answer = await service.delete(`/users/${id}`, { bearer });
      expect([answer.status, answer.text]).toEqual([204, '']);
      expectProblem(await service.me(first.accessToken), 'token_invalid');
      expectProblem(await service.refresh(first.refreshToken), 'refresh_token_invalid');
      expectProblem(await service.get(`/users/${id}`, { bearer }), 'not_found');
      expectProblem(await service.login({ email, password: PASSWORD }), 'invalid_credentials');
      const again = await service.register({ email });
      expect(again.user.id).not.toBe(id);
    });
  });

  describe('sees to the sessions of users', () => {
    const sessionsOf = (id: string, method = 'GET'): Promise<Answer> =>
      service.send(method, `/users/${id}/sessions`, { bearer });

    it('lists them as /auth/sessions does those of other devices', async () => {
      const email = freshEmail();
      const { user: her } = await service.register({ email });
      const { accessToken } = tokens(await service.login({ email, password: PASSWORD }));
      const answer = await sessionsOf(her.id);
      expect(answer.status).toBe(200);
      const { sessions } = answer.json<{ sessions: SessionView[] }>();
      const own = await service.sessions(accessToken);
      const others = own.filter(({ current }) => !current);
      expect(sessions.map(({ id }) => id).sort()).toEqual(own.map(({ id }) => id).sort());
      expect(sessions).toEqual(expect.arrayContaining(others));
      expect(sessions.map(({ current }) => current)).toEqual([false, false]);
    });

    it('and ends them', async () => {
      const first = renewed(await service.register());
      const answer = await sessionsOf(first.user.id, 'DELETE');
      expect([answer.status, answer.text]).toEqual([204, '']);
      expectProblem(await service.me(first.accessToken), 'token_invalid');
      expectProblem(await service.refresh(first.refreshToken), 'refresh_token_invalid');
      const { email } = first.user;
      expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
    });
  });

  it('leaves the service as it was', async () => {
    expect(user(await service.get(`/users/${adminId}`, { bearer })).roles).toContain('admin');
  });
});

describeOnEachDatabase('The last enabled administrator', (suite) => {
  const others: [
    what: string,
    act: (service: TestService, id: string, bearer: string, password: string) => Promise<Answer>,
  ][] = [
    [
      'disabled',
      (service, id, bearer) => service.patch(`/users/${id}`, { disabled: true }, { bearer }),
    ],
    [
      'demoted',
      (service, id, bearer) => service.patch(`/users/${id}`, { roles: ['user'] }, { bearer }),
    ],
    ['deleted', (service, id, bearer) => service.delete(`/users/${id}`, { bearer })],
    [
      'deleted by himself',
      (service, _id, bearer, password) =>
        service.delete('/users/me', { bearer, json: { password } }),
    ],
  ];

  let service: TestService;
  let last: Awaited<ReturnType<TestService['registerAdmin']>>;
  beforeAll(async () => {
    service = await suite.open();
    last = await service.registerAdmin();
    const disabled = await service.registerAdmin();
    const body = { disabled: true };
    await service.patch(`/users/${disabled.id}`, body, { bearer: last.accessToken });
  });

  it.each(others)('cannot be %s', async (_what, act) => {
    const answer = await act(service, last.id, last.accessToken, last.password);
    expectProblem(answer, 'last_admin');
    expect((await service.get('/users', { bearer: last.accessToken })).status).toBe(200);
  });

  it('can be, once there is another', async () => {
    const other = await service.registerAdmin();
    const answer = await service.patch(
      `/users/${other.id}`,
      { roles: ['user'] },
      { bearer: last.accessToken },
    );
    expect(answer.status).toBe(200);
  });

  it('remains, when two demote each other at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const other = await service.registerAdmin();
      const [one, two] = await Promise.all([
        service.patch(`/users/${other.id}`, { roles: ['user'] }, { bearer: last.accessToken }),
        service.patch(`/users/${last.id}`, { roles: ['user'] }, { bearer: other.accessToken }),
      ]);
      const [won, lost] = [one.status, two.status].sort();
      expect(won).toBe(200);
      // Who comes later is refused as the last one, or is no administrator any more.
      expect([403, 409]).toContain(lost);
      if (two.status === 200) last = other;
    }
  });
});
