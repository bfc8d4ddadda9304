import { randomBytes } from 'node:crypto';
import { latchkey } from './support/cli.js';
import {
  type Answer,
  expectProblem,
  freshEmail,
  PASSWORD,
  type Renewed,
  renewed,
  tokens,
} from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

/** How many sessions the account has; `MANY_SESSIONS=200000` for the long run. */
const MANY = Number(process.env['MANY_SESSIONS'] ?? 3_000);
const TIMEOUT_MS = 60_000 + MANY;
const NEXT = 'another wind and another hand';
const ROWS_PER_INSERT = 500;

interface Account {
  email: string;
  /** The session that acts. */
  here: Renewed;
  /** Other sessions with tokens: the first and the last of all. */
  others: Renewed[];
}

/** An account with many sessions, as a database from before there was a limit may have one. */
async function accountOf(service: TestService, roles?: string): Promise<Account> {
  const email = freshEmail();
  const first = renewed(await service.register({ email }));
  if (roles !== undefined) {
    await service.database.query(
      `update users set roles = '${roles}' where id = '${first.user.id}'`,
    );
  }
  const now = service.clock.now();
  for (let made = 0; made < MANY; made += ROWS_PER_INSERT) {
    const rows = Array.from({ length: Math.min(ROWS_PER_INSERT, MANY - made) }, () => {
      const id = `01a20316-4d7e-71ef-94ad-${randomBytes(6).toString('hex')}`;
      return `('${id}', '${first.user.id}', 'body', 'seed', 0, ${now}, ${now}, ${now + 9e9})`;
    });
    await service.database.query(
      `insert into sessions (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at)
       values ${rows.join(', ')}`,
    );
  }
  const signIn = async () => renewed(tokens(await service.login({ email, password: PASSWORD })));
  const last = await signIn();
  return { email, here: await signIn(), others: [first, last] };
}

async function liveRows(service: TestService, userId: string): Promise<number> {
  const [row] = await service.database.query(
    `select count(*) as live from sessions where user_id = '${userId}' and ended_at is null`,
  );
  return Number(row?.['live']);
}

/** @see contract §2, «Many sessions» */
describeOnEachDatabase('An account with many sessions', (suite) => {
  let service: TestService;
  let admin: string;
  beforeAll(async () => {
    service = await suite.open({ SESSIONS_PER_USER: '1000000' });
    ({ accessToken: admin } = await service.registerAdmin());
  });

  const expectOver = async ({ accessToken, refreshToken }: Renewed) => {
    expectProblem(await service.me(accessToken), 'token_invalid');
    expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
  };

  const cli = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await latchkey(
      service.database.environment,
      words,
      words.includes('set-password') ? NEXT : '',
    );
    expect(`${stderr} ${code}`).toMatch(/ 0$/);
  };

  const expectDone = (answer: Answer, status: number): Answer => {
    expect([answer.status, answer.text]).toEqual([status, expect.any(String)]);
    return answer;
  };

  type End = (account: Account) => Promise<unknown>;
  const ends: [name: string, end: End][] = [
    [
      'is disabled',
      async ({ here }) => {
        const path = `/users/${here.user.id}`;
        expectDone(await service.patch(path, { disabled: true }, { bearer: admin }), 200);
      },
    ],
    [
      'is signed out everywhere by its user',
      async ({ here }) => {
        expectDone(await service.post('/auth/logout-all', {}, { bearer: here.accessToken }), 204);
      },
    ],
    [
      'is signed out everywhere by an administrator',
      async ({ here }) => {
        const path = `/users/${here.user.id}/sessions`;
        expectDone(await service.delete(path, { bearer: admin }), 204);
      },
    ],
    [
      'is deleted by its user',
      async ({ here }) => {
        const json = { password: PASSWORD };
        const { accessToken: bearer } = here;
        expectDone(await service.delete('/users/me', { bearer, json }), 204);
      },
    ],
    [
      'is deleted by an administrator',
      async ({ here }) => {
        expectDone(await service.delete(`/users/${here.user.id}`, { bearer: admin }), 204);
      },
    ],
    ['is disabled at the command line', ({ email }) => cli('users', 'disable', email)],
    ['is signed out at the command line', ({ email }) => cli('users', 'sign-out', email)],
    ['gets a new password at the command line', ({ email }) => cli('users', 'set-password', email)],
  ];

  it.each(ends)(
    'that %s has no live token from then on',
    async (_name, end) => {
      const account = await accountOf(service);
      await end(account);
      for (const session of [account.here, ...account.others]) await expectOver(session);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps the current session when the user ends the others',
    async () => {
      const { here, others } = await accountOf(service);
      const { accessToken: bearer } = here;
      const answer = await service.post('/auth/logout-all', { keepCurrent: true }, { bearer });
      expectDone(answer, 204);
      for (const session of others) await expectOver(session);
      await service.renew(here.refreshToken);
      expect(await service.sessions(bearer)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps the current session, with new tokens, when the user changes the password',
    async () => {
      const { here, others } = await accountOf(service);
      const body = { currentPassword: PASSWORD, newPassword: NEXT };
      const { accessToken: bearer } = here;
      const answer = await service.post('/auth/password/change', body, { bearer });
      const next = renewed(tokens(answer));
      for (const session of others) await expectOver(session);
      expectProblem(await service.refresh(here.refreshToken), 'refresh_token_invalid');
      await service.renew(next.refreshToken);
    },
    TIMEOUT_MS,
  );

  it(
    'can be signed in to afterwards, and its new sessions live',
    async () => {
      const { email, here } = await accountOf(service);
      const { accessToken: bearer } = here;
      expectDone(await service.post('/auth/logout-all', {}, { bearer }), 204);
      const next = renewed(tokens(await service.login({ email, password: PASSWORD })));
      await service.renew(next.refreshToken);
      expect(await service.sessions(next.accessToken)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    'has all its rows ended in the end, by whatever node, each told of once',
    async () => {
      const { here } = await accountOf(service);
      const userId = here.user.id;
      await service.database.query(
        `insert into session_epochs (user_id, epoch, reason, ended_at, pending)
         values ('${userId}', 1, 'logout_all', ${service.clock.now()}, 1)`,
      );
      await expectOver(here);
      const deadline = performance.now() + TIMEOUT_MS - 10_000;
      while ((await liveRows(service, userId)) > 0 && performance.now() < deadline) {
        await new Promise((done) => setTimeout(done, 200));
      }
      expect(await liveRows(service, userId)).toBe(0);
      const [row] = await service.database.query(
        `select pending from session_epochs where user_id = '${userId}'`,
      );
      expect(row).toEqual({ pending: 0 });
    },
    TIMEOUT_MS,
  );
});

/** @see contract §2, «Many sessions»: `SESSIONS_PER_USER` */
describeOnEachDatabase('SESSIONS_PER_USER', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ SESSIONS_PER_USER: '3' });
  });

  const signIns = async (count: number) => {
    const email = freshEmail();
    const sessions = [renewed(await service.register({ email }))];
    const signIn = async () => {
      service.clock.advance('1s');
      return renewed(tokens(await service.login({ email, password: PASSWORD })));
    };
    while (sessions.length < count) sessions.push(await signIn());
    return { sessions, signIn };
  };

  it('a sign-in beyond it ends the session that was used longest ago, and no other', async () => {
    const { sessions, signIn } = await signIns(3);
    const [first, second, third] = sessions as [Renewed, Renewed, Renewed];
    service.clock.advance('1s');
    await service.renew(first.refreshToken);
    const fourth = await signIn();
    expectProblem(await service.me(second.accessToken), 'token_invalid');
    for (const { accessToken } of [first, third, fourth]) {
      expect((await service.me(accessToken)).status).toBe(200);
    }
    const [row] = await service.database.query(
      `select end_reason from sessions where id = '${second.sessionId}'`,
    );
    expect(row).toEqual({ end_reason: 'superseded' });
  });

  it('the new session is never the one that ends, whatever the clock says', async () => {
    const { sessions, signIn } = await signIns(3);
    service.clock.setBack('1h');
    const fourth = await signIn();
    expect((await service.me(fourth.accessToken)).status).toBe(200);
    expect(await service.sessions(fourth.accessToken)).toHaveLength(3);
    service.clock.advance('1h');
    expect(sessions).toHaveLength(3);
  });

  it('of sign-ins at once as many sessions stay as there may be', async () => {
    const { sessions } = await signIns(1);
    const { email } = (sessions[0] as Renewed).user;
    service.clock.advance('1s');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => service.login({ email, password: PASSWORD })),
    );
    const alive = [];
    for (const answer of answers) {
      const { accessToken } = tokens(answer);
      if ((await service.me(accessToken)).status === 200) alive.push(accessToken);
    }
    expect(alive).toHaveLength(3);
  });

  it('nobody else loses a session', async () => {
    const { sessions } = await signIns(1);
    await signIns(6);
    expect((await service.me((sessions[0] as Renewed).accessToken)).status).toBe(200);
  });
});
