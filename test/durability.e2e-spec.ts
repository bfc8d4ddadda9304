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
  const live = async (service: ServiceProcess, number: number, seen: Witness): Promise<void> => {
    const last = number % 3 === 0 ? 3 + number * 2 : Number.POSITIVE_INFINITY;
    for (;;) {
      if (seen.renewals >= last) {
        seen.unsure = true;
        const body = { refreshToken: seen.token };
        const answer = await attempt(service.post('/auth/logout', body));
        if (answer !== undefined) expect(answer.status).toBe(204);
        if (answer !== undefined) Object.assign(seen, { signedOut: true, unsure: false });
        return;
      }
      seen.presented = seen.token;
      const headers = { 'idempotency-key': `witness-${number}-${seen.renewals}` };
      const answer = await attempt(service.refresh(seen.presented, headers));
      if (answer === undefined) return;
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
        const witnesses = people.map((person) => witness(renewed(person).refreshToken));
        const lives = witnesses.map((seen, number) => live(before, number, seen));
        while (renewalsOf(witnesses) < 60 + 45 * round) await new Promise(setImmediate);
        await before.end('SIGKILL');
        await Promise.all(lives);
        const after = await spawnService(environment);
        for (const [number, seen] of witnesses.entries()) {
          await expectKept(after, number, seen);
        }
        await expectWell(after);
        await after.end('SIGTERM');
      }
    },
    60_000 + ROUNDS * 20_000,
  );

  const expectKept = async (service: ServiceProcess, number: number, seen: Witness) => {
    const headers = { 'idempotency-key': `witness-${number}-${seen.renewals}` };
    const answer = await service.refresh(seen.token, headers);
    if (seen.signedOut) return expectProblem(answer, 'refresh_token_invalid');
    if (seen.unsure && answer.status === 401) return undefined;
    const next = renewed(tokens(answer));
    const { gen } = decoded(next.refreshToken).payload;
    expect(gen).toBe(seen.renewals + 1);
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

function witness(token: string): Witness {
  return { token, presented: token, signedOut: false, unsure: false, renewals: 0 };
}

function renewalsOf(witnesses: readonly Witness[]): number {
  return witnesses.reduce((sum, { renewals }) => sum + renewals, 0);
}

/** @returns undefined when no answer came. */
async function attempt(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}
