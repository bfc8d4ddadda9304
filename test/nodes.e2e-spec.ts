import { expectProblem, PASSWORD, renewed, tokens } from './support/client.js';
import { createDatabase, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';
import { decoded } from './support/jwt.js';
import { endProcesses, type ServiceProcess, spawnService } from './support/process.js';

describe.each(['sqlite', 'postgres'] as const)('Two processes on one %s', (kind) => {
  let database: TestDatabase;
  let one: ServiceProcess;
  let two: ServiceProcess;
  beforeAll(async () => {
    database = await createDatabase(kind);
    const port = String(await freePort());
    const environment = { ...database.environment, PUBLIC_URL: `http://127.0.0.1:${port}` };
    [one, two] = await Promise.all([
      spawnService({ ...environment, PORT: port }),
      spawnService(environment),
    ]);
  });
  afterAll(async () => {
    await endProcesses();
    await database.drop();
  });

  it('make the keys once, although they start at the same moment', async () => {
    const [first, second] = await Promise.all(
      [one, two].map((node) => node.get('/.well-known/jwks.json')),
    );
    expect(first?.json()).toEqual(second?.json());
    const made = [await one.register(), await two.register()];
    const kids = made.map(({ accessToken }) => decoded(accessToken).header['kid']);
    expect(new Set(kids).size).toBe(1);
    const purposes = (await database.query('select purpose from keys')).map(
      (row) => row['purpose'],
    );
    for (const purpose of ['pepper', 'refresh']) {
      expect(purposes.filter((each) => each === purpose)).toHaveLength(1);
    }
  });

  it('know each other’s users and tokens', async () => {
    const { accessToken, user } = await one.register();
    expect((await two.me(accessToken)).json()).toEqual(user);
    const signedIn = tokens(await two.login({ email: user.email, password: PASSWORD }));
    expect((await one.me(signedIn.accessToken)).status).toBe(200);
  });

  it('renew in turn', async () => {
    let pair = renewed(await one.register());
    for (let round = 0; round < 10; round += 1) {
      pair = await (round % 2 === 0 ? two : one).renew(pair.refreshToken);
    }
    expect(decoded(pair.refreshToken).payload['gen']).toBe(10);
  });

  it('give a retry on the other node the same refresh token', async () => {
    const first = renewed(await one.register());
    const second = await one.renew(first.refreshToken);
    const retry = await two.refresh(first.refreshToken);
    expect(retry.header('refresh-outcome')).toBe('replayed');
    expect(tokens(retry).refreshToken).toBe(second.refreshToken);
  });

  it('agree on one successor in a race', async () => {
    let pair = renewed(await one.register());
    for (let round = 0; round < 10; round += 1) {
      const race = Array.from({ length: 10 }, (_, runner) =>
        (runner % 2 === 0 ? one : two).refresh(pair.refreshToken),
      );
      const answers = (await Promise.all(race)).map((answer) => renewed(tokens(answer)));
      expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
      [pair = pair] = answers;
    }
  });

  it('see a revocation on the other at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { accessToken, refreshToken } = renewed(await one.register());
      expect((await two.me(accessToken)).status).toBe(200);
      await one.post('/auth/logout', { refreshToken });
      expectProblem(await two.me(accessToken), 'token_invalid');
      expectProblem(await two.refresh(refreshToken), 'refresh_token_invalid');
    }
  });

  it('see theft that the other has seen', async () => {
    const first = renewed(await one.register());
    const third = await two.renew((await one.renew(first.refreshToken)).refreshToken);
    expectProblem(await one.refresh(first.refreshToken), 'refresh_token_invalid');
    expectProblem(await two.refresh(third.refreshToken), 'refresh_token_invalid');
    expectProblem(await two.me(third.accessToken), 'token_invalid');
  });

  it('leave the other at work when one goes', async () => {
    const pair = renewed(await one.register());
    expect(await one.end('SIGTERM')).toBe(0);
    const next = await two.renew(pair.refreshToken);
    expect((await two.me(next.accessToken)).status).toBe(200);
  });
});
