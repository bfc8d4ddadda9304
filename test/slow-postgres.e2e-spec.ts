import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenResponse } from '../src/contract/responses.js';
import { expectProblem, renewed } from './support/client.js';
import { createPostgres } from './support/databases.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import { Suite } from './support/suite.js';

/**
 * What happens when PostgreSQL answers too late, or never, without a connection that breaks.
 *
 * @see contract §2, rule 4, and §7, «database away»
 */
describe('A PostgreSQL that is late', () => {
  let suite: Suite;
  beforeEach(() => {
    suite = new Suite('postgres');
  });
  afterEach(() => suite.end());

  it.each([
    ['the begin of a transaction', 'begin'],
    ['a statement inside one', 'update "users"'],
  ])('loses nothing that it is told after %s came late', async (_what, text) => {
    const { service, way } = await suite.openThroughProxy();
    const { accessToken } = await service.register();
    const others = await Promise.all(Array.from({ length: 12 }, () => service.register()));
    way.holdFrom(text);
    const late = await service.patch('/users/me', { name: 'Ada' }, { bearer: accessToken });
    expectProblem(late, 'storage_unavailable');
    expect(way.held).toBe(1);
    await sleep(1_500);
    way.letThrough();
    await sleep(300);
    const ends = others.map((pair) =>
      service.post('/auth/logout', undefined, { bearer: pair.accessToken }),
    );
    expect((await Promise.all(ends)).map(({ status }) => status)).toEqual(others.map(() => 204));
    const ended = await service.database.query(
      'select id from sessions where ended_at is not null',
    );
    expect(ended).toHaveLength(others.length);
  });

  it('is not asked for ever: a renewal that comes too late each time is answered 503', async () => {
    const { service, way } = await suite.openThroughProxy();
    const pair = renewed(await service.register());
    let answered = false;
    const renewal = service.refresh(pair.refreshToken).finally(() => (answered = true));
    for (let tries = 0; tries < 6 && !answered; tries += 1) {
      way.holdFrom('update sessions');
      while (way.held === 0 && !answered) await sleep(5);
      await sleep(1_100);
      way.letThrough();
    }
    expect(answered).toBe(true);
    expectProblem(await renewal, 'storage_unavailable');
    await service.renew(pair.refreshToken);
  });

  it('does not make a renewal that waited for a lock until it was answered 503', async () => {
    const service = await suite.open();
    const pair = renewed(await service.register());
    const holding = service.database.query(
      'select pg_sleep(6) from (select 1 from sessions for update) as held',
    );
    await sleep(300);
    expectProblem(await service.refresh(pair.refreshToken), 'storage_unavailable');
    await holding;
    await sleep(300);
    const [session] = await service.database.query('select generation from sessions');
    expect(session).toEqual({ generation: 0 });
  });

  /** As when another host takes the address of one that has died. */
  it('that has gone without a word is done without within 10 s', async () => {
    const { service, way } = await suite.openThroughProxy();
    const { accessToken, refreshToken } = renewed(await service.register());
    await Promise.all(Array.from({ length: 20 }, () => service.register()));
    way.forgetConnections();
    const patience = performance.now() + 10_000;
    const statuses = [503];
    while (statuses.some((status) => status !== 200)) {
      expect(performance.now()).toBeLessThan(patience);
      const answers = [service.get('/health/ready'), service.me(accessToken)];
      statuses.splice(0, 2, ...(await Promise.all(answers)).map(({ status }) => status));
    }
    await service.renew(refreshToken);
  });

  it('whose commits hang is not drowned in connections', async () => {
    const cluster = await PostgresCluster.create();
    try {
      const database = await createPostgres(cluster.url());
      const service = await suite.openOn(database);
      const connections = async () => {
        const counting = "from pg_stat_activity where application_name = 'latchkey'";
        const [row] = await database.query(`select count(*)::int as count ${counting}`);
        return Number(row?.['count']);
      };
      const people = await Promise.all(Array.from({ length: 50 }, () => service.register()));
      const rename = async ({ accessToken: bearer }: TokenResponse) =>
        (await service.patch('/users/me', { name: 'Ada' }, { bearer })).status;
      await database.query("alter system set synchronous_standby_names = 'nobody'");
      await database.query('select pg_reload_conf()');
      for (let wave = 0; wave < 4; wave += 1) {
        const statuses = await Promise.all(people.splice(0, 10).map(rename));
        expect(new Set(statuses)).toEqual(new Set([503]));
      }
      expect(await connections()).toBeLessThan(10 + 10 + 5);
      await database.query('alter system reset synchronous_standby_names');
      await database.query('select pg_reload_conf()');
      const [somebody] = people;
      while (somebody === undefined || (await rename(somebody)) !== 200) await sleep(100);
      while ((await connections()) > 10) await sleep(100);
      await service.close();
    } finally {
      await cluster.destroy();
    }
  }, 60_000);
});
