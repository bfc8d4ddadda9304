import { PasswordHasher } from '../src/passwords/password-hasher.js';
import {
  type Answer,
  expectProblem,
  freshEmail,
  PASSWORD,
  renewed,
  someone,
  tokens,
} from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const ENVIRONMENT = { RATE_LIMIT: 'on', TRUST_PROXY: '127.0.0.1' };
const WRONG = 'not the right one';
const NEXT = 'another wind and another hand';

/** How somebody at this address is seen behind the proxy that we play. */
const at = (address: string) => ({ headers: { 'x-forwarded-for': address } });

/** Checks that a rate limit refused. @returns milliseconds until one may try again. */
function expectLimited(answer: Answer): number {
  expectProblem(answer, 'rate_limited');
  const wait = answer.header('retry-after');
  expect(wait).toMatch(/^[1-9]\d*$/);
  return Number(wait) * 1000;
}

/** @see contract §3: `/auth/login` «the same in body and time for unknown, wrong, disabled and locked» */
describeOnEachDatabase('Guesses at one account from many addresses', (suite) => {
  let service: TestService;
  beforeEach(async () => {
    service = await suite.openFresh(ENVIRONMENT);
  });

  const signIn = (from: string, email: string, password = PASSWORD) =>
    service.post('/auth/login', { email, password }, at(from));

  /** So many guesses, none of which is refused for the address that it comes from. */
  const guess = async (email: string, times: number) => {
    for (let number = 0; number < times; number += 1) {
      const answer = await signIn(`198.51.100.${1 + (number % 100)}`, email, WRONG);
      expectProblem(answer, 'invalid_credentials');
    }
  };

  it('lock it after 300 in an hour for everybody, who is told no more than before', async () => {
    const { user, accessToken, refreshToken } = renewed(await service.register());
    const { email } = user;
    for (const times of [99, 99, 99, 2]) {
      await guess(email, times);
      tokens(await signIn('203.0.113.1', email));
    }
    await guess(email, 1);
    const locked = await signIn('203.0.113.2', email);
    const unknown = await signIn('203.0.113.3', freshEmail(), WRONG);
    const told = expectProblem(locked, 'invalid_credentials');
    const { requestId } = told;
    expect(told).toEqual({ ...expectProblem(unknown, 'invalid_credentials'), requestId });
    expect((await service.me(accessToken)).status).toBe(200);
    await service.renew(refreshToken);
    service.clock.advance('1h');
    tokens(await signIn('203.0.113.2', email));
  });

  it('put the password to rest for 24 hours after 100 in a row, and not for those who are in', async () => {
    const { user, accessToken, refreshToken } = renewed(await service.register());
    const { accessToken: bearer } = await service.registerAdmin();
    const shown = async () =>
      (await service.get(`/users/${user.id}`, { bearer })).json<{ lockedUntil: string | null }>();
    await guess(user.email, 99);
    expect((await shown()).lockedUntil).toBeNull();
    await guess(user.email, 1);
    const until = new Date(service.clock.now() + 24 * 3_600_000).toISOString();
    expect((await shown()).lockedUntil).toBe(until);
    const list = await service.get('/users', { bearer });
    expect(list.json<{ items: object[] }>().items).toContainEqual(
      expect.objectContaining({ id: user.id, lockedUntil: until, disabled: false }),
    );
    expectProblem(await signIn('203.0.113.1', user.email), 'invalid_credentials');
    expect((await service.me(accessToken)).status).toBe(200);
    await service.renew(refreshToken);
    service.clock.advance('23h');
    expectProblem(await signIn('203.0.113.2', user.email), 'invalid_credentials');
    service.clock.advance('61m');
    tokens(await signIn('203.0.113.2', user.email));
  });

  it('are forgotten when an administrator unlocks the password', async () => {
    const { user } = renewed(await service.register());
    const { id, accessToken } = await service.registerAdmin();
    const unlock = (who: string, bearer: string) =>
      service.post(`/users/${who}/unlock`, undefined, { bearer });
    await guess(user.email, 100);
    expectProblem(await signIn('203.0.113.1', user.email), 'invalid_credentials');
    expect((await unlock(user.id, accessToken)).status).toBe(204);
    const signedIn = tokens(await signIn('203.0.113.1', user.email));
    expectProblem(await unlock(id, signedIn.accessToken), 'forbidden');
    expectProblem(await unlock('nobody', accessToken), 'not_found');
  });

  it('are forgotten after a sign-in', async () => {
    const { user } = renewed(await service.register());
    for (const times of [99, 99]) {
      await guess(user.email, times);
      tokens(await signIn('203.0.113.1', user.email));
    }
  });

  it('put the password to rest with RATE_LIMIT=off, too', async () => {
    const free = await suite.openFresh({ ...ENVIRONMENT, RATE_LIMIT: 'off' });
    const { user } = renewed(await free.register());
    const attempt = (password: string) => free.login({ email: user.email, password });
    for (let number = 0; number < 100; number += 1) {
      expectProblem(await attempt(WRONG), 'invalid_credentials');
    }
    expectProblem(await attempt(PASSWORD), 'invalid_credentials');
  });

  it('can’t be counted for somebody else by a name that looks like a counter’s', async () => {
    const { user } = renewed(await service.register());
    const name = `${user.id}:from:203.0.113.1`;
    for (let number = 0; number < 12; number += 1) {
      await service.post('/auth/login', { username: name, password: WRONG }, at('203.0.113.9'));
    }
    tokens(await signIn('203.0.113.1', user.email));
  });

  it('lock no other account', async () => {
    const [{ user: guessed }, { user: other }] = [
      await service.register(),
      await service.register(),
    ];
    await guess(guessed.email, 100);
    expectProblem(await signIn('203.0.113.1', guessed.email), 'invalid_credentials');
    tokens(await signIn('203.0.113.1', other.email));
  });
});

/** @see contract §1: «429 with `Retry-After` for rate limits» */
describeOnEachDatabase('Registrations from one address', (suite) => {
  it('are refused with 429 and Retry-After after 300 in an hour, taken addresses included', async () => {
    const service = await suite.openFresh(ENVIRONMENT);
    const register = (from: string, email = freshEmail()) =>
      service.post('/auth/register', someone({ email }), at(from));
    const taken = freshEmail();
    tokens(await register('203.0.113.1', taken), 201);
    for (let number = 1; number < 300; number += 1) {
      if (number % 2 === 0) tokens(await register('203.0.113.1'), 201);
      else expectProblem(await register('203.0.113.1', taken), 'email_taken');
    }
    expectLimited(await register('203.0.113.1'));
    expectLimited(await register('203.0.113.1', taken));
    tokens(await register('203.0.113.2'), 201);
    service.clock.advance('59m');
    const wait = expectLimited(await register('203.0.113.1'));
    expect(wait).toBe(60_000);
    service.clock.advance(wait);
    tokens(await register('203.0.113.1'), 201);
  });
});

/** Gives what is said to be the current password, inside a session. */
type Reauthenticate = (service: TestService, bearer: string, password: string) => Promise<Answer>;

const changePassword: Reauthenticate = (service, bearer, currentPassword) =>
  service.post('/auth/password/change', { currentPassword, newPassword: NEXT }, { bearer });

const deleteMe: Reauthenticate = (service, bearer, password) =>
  service.delete('/users/me', { bearer, json: { password } });

const ROUTES: [route: string, reauthenticate: Reauthenticate][] = [
  ['POST /auth/password/change', changePassword],
  ['DELETE /users/me', deleteMe],
];

/** @see contract §3: «wrong current password 403 `reauthentication_required` (so too for `DELETE /users/me`)» */
describeOnEachDatabase('Guesses at the current password', (suite) => {
  let service: TestService;
  beforeEach(async () => {
    service = await suite.openFresh(ENVIRONMENT);
  });

  const guess = async (reauthenticate: Reauthenticate, bearer: string, times: number) => {
    for (let number = 0; number < times; number += 1) {
      const answer = await reauthenticate(service, bearer, WRONG);
      expectProblem(answer, 'reauthentication_required');
    }
  };

  it.each(ROUTES)(
    'at %s are refused with 429 and Retry-After after ten, and the right one with them',
    async (_route, reauthenticate) => {
      const pair = renewed(await service.register());
      await guess(reauthenticate, pair.accessToken, 10);
      expectLimited(await reauthenticate(service, pair.accessToken, WRONG));
      expectLimited(await reauthenticate(service, pair.accessToken, PASSWORD));
      expect((await service.me(pair.accessToken)).status).toBe(200);
      service.clock.advance('14m');
      const { accessToken } = await service.renew(pair.refreshToken);
      const wait = expectLimited(await reauthenticate(service, accessToken, PASSWORD));
      expect(wait).toBe(60_000);
      service.clock.advance(wait);
      expect((await reauthenticate(service, accessToken, PASSWORD)).status).toBeLessThan(300);
    },
  );

  it('are counted on both routes together, for their session', async () => {
    const { user, accessToken } = await service.register();
    const there = tokens(await service.login({ email: user.email, password: PASSWORD }));
    await guess(changePassword, accessToken, 5);
    await guess(deleteMe, accessToken, 5);
    expectLimited(await changePassword(service, accessToken, PASSWORD));
    expectLimited(await deleteMe(service, accessToken, PASSWORD));
    expect((await changePassword(service, there.accessToken, PASSWORD)).status).toBe(200);
  });

  it('are refused after 50 in 15 minutes, from however many sessions', async () => {
    const { user } = await service.register();
    const sessions = [];
    for (let number = 0; number < 6; number += 1) {
      sessions.push(tokens(await service.login({ email: user.email, password: PASSWORD })));
    }
    const [fresh, ...others] = sessions;
    for (const { accessToken } of others) await guess(changePassword, accessToken, 10);
    expectLimited(await changePassword(service, fresh?.accessToken ?? '', PASSWORD));
  });

  it('are counted for their user alone', async () => {
    const { accessToken } = await service.register();
    const other = await service.register();
    await guess(changePassword, accessToken, 10);
    expect((await changePassword(service, other.accessToken, PASSWORD)).status).toBe(200);
  });

  it('are no fewer for the right one, which is taken back, at POST /auth/password/change', async () => {
    const { accessToken: bearer } = await service.register();
    await guess(changePassword, bearer, 9);
    const passwords = [PASSWORD, NEXT, `${PASSWORD}!`, `${NEXT}!`];
    for (const [place, newPassword] of passwords.slice(1).entries()) {
      const body = { currentPassword: passwords[place], newPassword };
      const answer = await service.post('/auth/password/change', body, { bearer });
      expect(answer.status).toBe(200);
    }
    await guess(changePassword, bearer, 1);
    expectLimited(await changePassword(service, bearer, WRONG));
  });

  it('are no fewer for the right one, which is taken back, at DELETE /users/me', async () => {
    const { accessToken, password } = await service.registerAdmin();
    await guess(deleteMe, accessToken, 9);
    for (let time = 0; time < 3; time += 1) {
      expectProblem(await deleteMe(service, accessToken, password), 'last_admin');
    }
    await guess(deleteMe, accessToken, 1);
    expectLimited(await deleteMe(service, accessToken, password));
  });
});

/** @see contract §1: «503 with `Retry-After` once the password-hashing queue is full» */
describeOnEachDatabase('What was refused because too much is going on is no attempt', (suite) => {
  let service: TestService;
  beforeEach(async () => {
    service = await suite.openFresh(ENVIRONMENT);
  });

  /** Keeps the queue full: whenever a place gets free, it is taken. @returns what lets it run empty. */
  const fillHashingQueue = (): (() => Promise<void>) => {
    const hasher = service.kit.app.get(PasswordHasher, { strict: false });
    const jobs: Promise<unknown>[] = [];
    let open = true;
    const taken = () => hasher.stats().running + hasher.stats().waiting;
    const fill = () => {
      for (let before = -1; open && taken() > before;) {
        before = taken();
        jobs.push(hasher.hash(PASSWORD, '127.0.0.1').then(fill, () => undefined));
      }
    };
    fill();
    return async () => {
      open = false;
      await Promise.all(jobs);
    };
  };

  const expectOverloaded = async (times: number, attempt: () => Promise<Answer>) => {
    const empty = fillHashingQueue();
    try {
      for (let number = 0; number < times; number += 1) {
        const answer = await attempt();
        expectProblem(answer, 'overloaded');
        expect(answer.header('retry-after')).toMatch(/^[1-9]\d*$/);
      }
    } finally {
      await empty();
    }
  };

  it('but a flood from one network keeps nobody of another out', async () => {
    const { user } = await service.register();
    const empty = fillHashingQueue();
    try {
      const body = { email: user.email, password: PASSWORD };
      tokens(await service.post('/auth/login', body, at('203.0.113.77')));
      expectProblem(await service.login(body), 'overloaded');
    } finally {
      await empty();
    }
  });

  it('and locks neither the account nor the address out at sign-in', async () => {
    const { user } = await service.register();
    const signIn = () => service.login({ email: user.email, password: PASSWORD });
    await expectOverloaded(101, signIn);
    tokens(await signIn());
  });

  it.each(ROUTES)('and locks nobody out at %s', async (_route, reauthenticate) => {
    const { accessToken } = await service.register();
    await expectOverloaded(11, () => reauthenticate(service, accessToken, PASSWORD));
    expect((await reauthenticate(service, accessToken, PASSWORD)).status).toBeLessThan(300);
  });
});
