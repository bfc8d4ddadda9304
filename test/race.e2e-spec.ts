import { type Answer, expectProblem, PASSWORD, type Renewed, renewed } from './support/client.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { describeOnEachDatabase, type Environment, type TestService } from './support/suite.js';

/** How many rounds each race has; `RACE_ROUNDS=1000` for the long run. */
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 8);
const PATIENCE = 30_000 + ROUNDS * 2_000;

const CROWDS = [2, 10, 50];

describeOnEachDatabase('Parallel renewals of one token, on two nodes', (suite) => {
  let nodes: TestService[];
  beforeAll(async () => {
    nodes = await twoNodes();
  });

  const twoNodes = async (environment: Environment = {}): Promise<TestService[]> => {
    const clock = new MovableClock();
    const first = await suite.open(environment, clock);
    return [first, await suite.open({ ...environment, PUBLIC_URL: first.url }, clock)];
  };

  const node = (number: number, of = nodes): TestService => of[number % of.length] as TestService;

  const race = (
    crowd: number,
    token: string,
    headers: (runner: number) => Record<string, string> = () => ({}),
    on = nodes,
  ): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: crowd }, (_, runner) =>
        node(runner, on).refresh(token, headers(runner)),
      ),
    );

  /** Checks that all got the same live token. @returns it. */
  const expectOneSuccessor = (answers: Answer[], before: string): Renewed => {
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const outcomes = answers.map((answer) => answer.header('refresh-outcome')).sort();
    expect(outcomes).toEqual([...answers.slice(1).map(() => 'replayed'), 'rotated']);
    const pairs = answers.map((answer) => renewed(answer.json()));
    const successors = new Set(pairs.map((pair) => pair.refreshToken));
    expect(successors.size).toBe(1);
    expect(successors).not.toContain(before);
    expect(new Set(pairs.map((pair) => pair.accessToken)).size).toBe(pairs.length);
    return pairs[0] as Renewed;
  };

  it.each(CROWDS)(
    'all %i get one live successor, and nobody is signed out',
    async (crowd) => {
      let pair = renewed(await node(0).register());
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await race(crowd, pair.refreshToken);
        const next = expectOneSuccessor(answers, pair.refreshToken);
        expect((await node(round).me(next.accessToken)).status).toBe(200);
        expect((await node(round).me(pair.accessToken)).status).toBe(200);
        pair = next;
      }
      const sessions = await node(1).sessions(pair.accessToken);
      expect(sessions.map(({ id }) => id)).toEqual([pair.sessionId]);
    },
    PATIENCE,
  );

  it.each(CROWDS)(
    'all %i may bring keys of their own',
    async (crowd) => {
      let pair = renewed(await node(0).register());
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await race(crowd, pair.refreshToken, (runner) => ({
          'idempotency-key': `round-${round}-tab-${runner}`,
        }));
        pair = expectOneSuccessor(answers, pair.refreshToken);
      }
    },
    PATIENCE,
  );

  it.each(CROWDS)(
    'all %i with one Idempotency-Key agree without any window',
    async (crowd) => {
      const strict = await twoNodes({ REFRESH_RETRY_WINDOW: '0' });
      let pair = renewed(await node(0, strict).register());
      for (let round = 0; round < ROUNDS; round += 1) {
        const key = () => ({ 'idempotency-key': `race-round-${round}` });
        const answers = await race(crowd, pair.refreshToken, key, strict);
        pair = expectOneSuccessor(answers, pair.refreshToken);
      }
    },
    PATIENCE,
  );

  it.each(CROWDS)(
    'without any window and key, of %i exactly one wins, and the session ends',
    async (crowd) => {
      const strict = await twoNodes({ REFRESH_RETRY_WINDOW: '0' });
      for (let round = 0; round < Math.min(ROUNDS, 100); round += 1) {
        const { refreshToken } = renewed(await node(0, strict).register());
        const answers = await race(crowd, refreshToken, undefined, strict);
        const winners = answers.filter(({ status }) => status === 200);
        expect(winners).toHaveLength(1);
        for (const { status } of answers) expect([200, 401]).toContain(status);
        const won = renewed((winners[0] as Answer).json());
        expectProblem(await node(1, strict).refresh(won.refreshToken), 'refresh_token_invalid');
      }
    },
    PATIENCE,
  );

  const revocations: [name: string, revoke: (by: TestService, pair: Renewed) => Promise<Answer>][] =
    [
      ['sign-out', (by, pair) => by.post('/auth/logout', { refreshToken: pair.refreshToken })],
      [
        'sign-out everywhere',
        (by, pair) => by.post('/auth/logout-all', {}, { bearer: pair.accessToken }),
      ],
      [
        'the end of the session by its user',
        (by, pair) => by.delete(`/auth/sessions/${pair.sessionId}`, { bearer: pair.accessToken }),
      ],
    ];

  describe.each(revocations)('and %s in the middle', (_name, revoke) => {
    it.each(CROWDS)(
      'once it is answered none of %i renews any more',
      async (crowd) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const pair = renewed(await node(0).register());
          let ended = false;
          const late: Answer[] = [];
          const renewals = Array.from({ length: crowd }, async (_, runner) => {
            if (runner >= crowd / 2) await turns(runner);
            const after = ended;
            const answer = await node(runner).refresh(pair.refreshToken);
            if (after) late.push(answer);
            return answer;
          });
          const ending = turns(round % 7).then(() => revoke(node(round), pair));
          const revoked = ending.then((answer) => {
            ended = true;
            return answer;
          });
          const [answer, ...answers] = await Promise.all([revoked, ...renewals]);
          expect(answer.status).toBe(204);
          for (const each of late) expectProblem(each, 'refresh_token_invalid');
          for (const each of answers) expect([200, 401]).toContain(each.status);
          const issued = answers.filter(({ status }) => status === 200);
          const pairs = issued.map((each) => renewed(each.json()));
          expect(new Set(pairs.map(({ refreshToken }) => refreshToken)).size).toBeLessThan(2);
          for (const { refreshToken } of [pair, ...pairs.slice(0, 1)]) {
            expectProblem(await node(round + 1).refresh(refreshToken), 'refresh_token_invalid');
          }
          for (const { accessToken } of [pair, ...pairs.slice(0, 2)]) {
            expectProblem(await node(round + 1).me(accessToken), 'token_invalid');
          }
        }
      },
      PATIENCE,
    );
  });

  it(
    'with an older token thrown in, end the session for good and no other',
    async () => {
      const email = `${Math.random()}@example.com`;
      const bystander = renewed(await node(0).register({ email }));
      const credentials = { email, password: PASSWORD };
      for (let round = 0; round < ROUNDS; round += 1) {
        const first = renewed((await node(0).login(credentials)).json());
        const second = await node(0).renew(first.refreshToken);
        const third = await node(1).renew(second.refreshToken);
        const [stolen, ...answers] = await Promise.all([
          node(round).refresh(first.refreshToken),
          ...[0, 1, 2, 3].map((runner) => node(runner).refresh(third.refreshToken)),
        ]);
        expectProblem(stolen, 'refresh_token_invalid');
        for (const answer of answers) {
          expect([200, 401]).toContain(answer.status);
          if (answer.status === 401) continue;
          const { refreshToken } = renewed(answer.json());
          expectProblem(await node(round).refresh(refreshToken), 'refresh_token_invalid');
        }
        expectProblem(await node(0).refresh(third.refreshToken), 'refresh_token_invalid');
      }
      await node(1).renew(bystander.refreshToken);
    },
    PATIENCE,
  );
});

/** Lets the event loop turn that often. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}
