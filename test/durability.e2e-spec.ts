import { type Answer, expectProblem, renewed, tokens } from './support/client.js';
import { createDatabase, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';
import { decoded } from './support/jwt.js';
import { endProcesses, type ServiceProcess, spawnService } from './support/process.js';

/** How often the process is killed; `KILL_ROUNDS=10` for the long run. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 2);

/** What one client was answered before the process died under it. */
interface Witness {
  /** The newest token it was given. */
  token: string;
  /** What it presented last; its answer may be lost. */
  presented: string;
  signedOut: boolean;
  /** Whether it asked to be signed out and got no answer: either may be true then. */
  unsure: boolean;
  renewals: number;
}

describe.each(['sqlite', 'postgres'] as const)('A process on %s that is killed', (kind) => {
  let database: TestDatabase;
  let environment: Record<string, string>;
  beforeAll(async () => {
    database = await createDatabase(kind);
    environment = { ...database.environment, PORT: String(await freePort()) };
  });
  afterAll(async () => {
    await endProcesses();
    await database.drop();
  });

  /** Renews as fast as it can until the process is gone; some sign out on the way. */
  const live = async (service: ServiceProcess, number: number, token: string): Promise<Witness> => {
    const seen: Witness = { token, presented: token, signedOut: false, unsure: false, renewals: 0 };
    const last = number % 3 === 0 ? 3 + number * 2 : Number.POSITIVE_INFINITY;
    for (;;) {
      if (seen.renewals >= last) {
        seen.unsure = true;
        const body = { refreshToken: seen.token };
        const answer = await attempt(service.post('/auth/logout', body));
        if (answer !== undefined) expect(answer.status).toBe(204);
        if (answer !== undefined) Object.assign(seen, { signedOut: true, unsure: false });
        return seen;
      }
      seen.presented = seen.token;
      const headers = { 'idempotency-key': `witness-${number}-${seen.renewals}` };
      const answer = await attempt(service.refresh(seen.presented, headers));
      if (answer === undefined) return seen;
      seen.token = renewed(tokens(answer)).refreshToken;
      seen.renewals += 1;
    }
  };

  it(
    'has kept all that it had answered',
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = await spawnService(environment);
        const people = await Promise.all(Array.from({ length: 12 }, () => before.register()));
        const lives = people.map((person, number) =>
          live(before, number, renewed(person).refreshToken),
        );
        await busy(before, 150 + 100 * round);
        await before.end('SIGKILL');
        const witnesses = await Promise.all(lives);
        expect(witnesses.reduce((sum, { renewals }) => sum + renewals, 0)).toBeGreaterThan(50);
        const after = await spawnService(environment);
        for (const [number, witness] of witnesses.entries()) {
          await expectKept(after, number, witness);
        }
        await expectWell(after);
        await after.end('SIGTERM');
      }
    },
    60_000 + ROUNDS * 20_000,
  );

  /** Waits until the process has answered that many more requests. */
  const busy = async (service: ServiceProcess, requests: number) => {
    for (let count = 0; count < requests; count += 1) await service.get('/health/live');
  };

  const expectKept = async (service: ServiceProcess, number: number, witness: Witness) => {
    const headers = { 'idempotency-key': `witness-${number}-${witness.renewals}` };
    const answer = await service.refresh(witness.token, headers);
    if (witness.signedOut) return expectProblem(answer, 'refresh_token_invalid');
    if (witness.unsure && answer.status === 401) return undefined;
    const next = renewed(tokens(answer));
    const { gen } = decoded(next.refreshToken).payload;
    expect(gen).toBe(witness.renewals + 1);
    expect((await service.me(next.accessToken)).status).toBe(200);
    return undefined;
  };

  const expectWell = async (service: ServiceProcess) => {
    const pair = renewed(await service.register());
    const next = await service.renew(pair.refreshToken);
    expect((await service.me(next.accessToken)).status).toBe(200);
    if (kind !== 'sqlite') return;
    expect(await database.query('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  };
});

/** @returns undefined when no answer came. */
async function attempt(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}
