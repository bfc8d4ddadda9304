import { setTimeout as sleep } from 'node:timers/promises';
import { latchkey } from './support/cli.js';
import {
  type Answer,
  expectProblem,
  PASSWORD,
  type Renewed,
  renewed,
  tokens,
} from './support/client.js';
import type { DatabaseKind } from './support/databases.js';
import { describeOnEachDatabase, Suite, type TestService } from './support/suite.js';

type Way = Awaited<ReturnType<Suite['openThroughProxy']>>['way'];

const NEXT = 'another wind and another hand';

/** How the statements begin that write a user. */
const CHANGES_USER = 'update "users"';
const DELETES_USER = 'delete from "users"';

const signIn = async (service: TestService, { user }: Renewed): Promise<Renewed> =>
  renewed(tokens(await service.login({ email: user.email, password: PASSWORD })));

const changePassword = (service: TestService, { accessToken: bearer }: Renewed) => {
  const body = { currentPassword: PASSWORD, newPassword: NEXT };
  return service.post('/auth/password/change', body, { bearer });
};

/** Asked as a gateway would ask: there only the session counts, not what is left of its user. */
const expectOver = async (service: TestService, { accessToken, refreshToken }: Renewed) => {
  expectProblem(await service.get('/auth/verify', { bearer: accessToken }), 'token_invalid');
  expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
};

const expectAlive = async (service: TestService, { accessToken, refreshToken }: Renewed) => {
  expect((await service.get('/auth/verify', { bearer: accessToken })).status).toBe(200);
  expect((await service.refresh(refreshToken)).status).toBe(200);
};

/** Waits until the statement with this text lies in transit to PostgreSQL, where it is held. */
async function held(way: Way): Promise<void> {
  const patience = performance.now() + 15_000;
  while (way.held === 0) {
    expect(performance.now()).toBeLessThan(patience);
    await sleep(5);
  }
}

/** A sign-in with the old password came between the end of the other sessions and the new password. */
interface Overtaken {
  service: TestService;
  here: Renewed;
  late: Renewed;
  changed: Answer;
}

const OVERTAKE: Record<DatabaseKind, (suite: Suite) => Promise<Overtaken>> = {
  async postgres(suite) {
    const { service, way } = await suite.openThroughProxy();
    const here = renewed(await service.register());
    way.holdFrom(CHANGES_USER);
    const changing = changePassword(service, here);
    await held(way);
    const late = await signIn(service, here);
    way.letThrough();
    return { service, here, late, changed: await changing };
  },

  /** There no statement can be held: the session is taken away, and comes when the password is written. */
  async sqlite(suite) {
    const service = await suite.openFresh();
    const here = renewed(await service.register());
    const late = await signIn(service, here);
    const session = `from sessions where id = '${late.sessionId}'`;
    for (const statement of [
      `create table late as select * ${session}`,
      `delete ${session}`,
      `create trigger comes_late before update of password_hash on users begin
         insert into sessions select * from late;
       end`,
    ]) {
      await service.database.query(statement);
    }
    return { service, here, late, changed: await changePassword(service, here) };
  },
};

/** @see contract §3: `/auth/password/change` «the user's other sessions end» */
describeOnEachDatabase('A change of the password', (suite) => {
  it('ends a sign-in with the old one that was under way, too', async () => {
    const { service, here, late, changed } = await OVERTAKE[suite.kind](suite);
    const next = renewed(tokens(changed));
    await expectOver(service, late);
    expect(next.sessionId).toBe(here.sessionId);
    await expectAlive(service, next);
  });

  it('that fails halfway leaves nobody else signed in', async () => {
    const service = await suite.openFresh();
    const here = renewed(await service.register());
    const there = await signIn(service, here);
    const refusal = {
      sqlite: `create trigger refuses before update of password_hash on users begin
                 select raise(abort, 'no');
               end`,
      postgres: `create function refuse() returns trigger language plpgsql as
                   $$ begin raise exception 'no'; end $$;
                 create trigger refuses before update of password_hash on users
                   for each row execute function refuse()`,
    };
    await service.database.query(refusal[suite.kind]);
    expectProblem(await changePassword(service, here), 'internal_error');
    await expectOver(service, there);
    await expectAlive(service, here);
    await signIn(service, here);
  });
});

interface Under {
  service: TestService;
  person: Renewed;
  admin: { accessToken: string };
}

/** @param statement the one that writes the user. */
type Event = [event: string, statement: string, happen: (under: Under) => Promise<unknown>];

const OVER_HTTP: Event[] = [
  [
    'an administrator disables the user',
    CHANGES_USER,
    async ({ service, person: { user }, admin }) => {
      const bearer = admin.accessToken;
      const answer = await service.patch(`/users/${user.id}`, { disabled: true }, { bearer });
      expect(answer.status).toBe(200);
    },
  ],
  [
    'an administrator deletes the user',
    DELETES_USER,
    async ({ service, person: { user }, admin }) => {
      const answer = await service.delete(`/users/${user.id}`, { bearer: admin.accessToken });
      expect(answer.status).toBe(204);
    },
  ],
  [
    'the user deletes the account',
    DELETES_USER,
    async ({ service, person }) => {
      const json = { password: PASSWORD };
      const answer = await service.delete('/users/me', { bearer: person.accessToken, json });
      expect(answer.status).toBe(204);
    },
  ],
];

const CHANGE: Event = [
  'the user changes the password',
  CHANGES_USER,
  async ({ service, person }) => {
    expect((await changePassword(service, person)).status).toBe(200);
  },
];

const AT_THE_COMMAND_LINE: Event = [
  'the user is given another password at the command line',
  CHANGES_USER,
  async ({ service, person: { user } }) => {
    const { environment } = service.database;
    const { code } = await latchkey(environment, ['users', 'set-password', user.email], NEXT);
    expect(code).toBe(0);
  },
];

/**
 * On PostgreSQL: SQLite lets nobody write between a transaction's first statement and its commit.
 *
 * @see contract §4: «Disabling or deleting ends every session at once»
 */
describe('A sign-in that is under way when', () => {
  const suite = new Suite('postgres');
  afterAll(() => suite.end());

  const prepare = async (): Promise<Under & { way: Way }> => {
    const { service, way } = await suite.openThroughProxy();
    const person = renewed(await service.register());
    return { service, way, person, admin: await service.registerAdmin() };
  };

  it.each([...OVER_HTTP, AT_THE_COMMAND_LINE])(
    '%s has ended with the other sessions',
    async (_event, statement, happen) => {
      const { way, ...under } = await prepare();
      const { service, person } = under;
      way.holdFrom(statement);
      const happening = happen(under);
      await held(way);
      way.letThrough();
      way.holdFrom('commit');
      await held(way);
      const late = await signIn(service, person);
      expect((await service.get('/auth/verify', { bearer: late.accessToken })).status).toBe(200);
      way.letThrough();
      await happening;
      await expectOver(service, late);
      await expectOver(service, person);
    },
  );

  it.each([...OVER_HTTP, CHANGE])(
    '%s is refused if it comes to its session afterwards',
    async (_event, _statement, happen) => {
      const { way, ...under } = await prepare();
      const { service, person } = under;
      const { id, email } = person.user;
      way.holdFrom('insert into "sessions"');
      const late = service.login({ email, password: PASSWORD });
      await held(way);
      await happen(under);
      way.letThrough();
      expectProblem(await late, 'invalid_credentials');
      const others = `user_id = '${id}' and id <> '${person.sessionId}'`;
      const sessions = await service.database.query(
        `select ended_at is not null as over from sessions where ${others}`,
      );
      expect(sessions).toEqual([{ over: true }]);
    },
  );
});
