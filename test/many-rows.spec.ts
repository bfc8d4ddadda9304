import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../src/config.js';
import { RevocationFollower } from '../src/revocation/revocation-follower.js';
import { StatusListRepository } from '../src/revocation/status-list.repository.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { UserSearch } from '../src/users/user-search.js';
import { UsersRepository } from '../src/users/users.repository.js';
import { bareNode } from './support/bare-node.js';
import { createDatabase, type TestDatabase } from './support/databases.js';

/*
 * What is looked through a piece at a time: more rows than one piece has.
 */

const CROWD = 12_000;
const DAY = 86_400_000;

/** The numbers from 1, as both databases count them. */
const NUMBERS = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${CROWD})`;
/** An id that ends in `n` with twelve digits. */
const ID = `'01900000-0000-7000-8000-' || substr('000000000000' || n, length(cast(n as text)) + 1)`;

/** The oldest 2,001 are called «Old», the others «New». Three have a rare user name. A piece ends at 2,001. */
function crowd(since: number): string {
  return `insert into users
    (id, email, email_key, email_verified, username, name, roles, disabled, created_at)
    ${NUMBERS} select ${ID}, 'N' || n || '@example.org',
      'n' || n || '@example.org', 0, case when n in (5, 6000, 9000) then 'rare.' || n end,
      case when n <= 2001 then 'Old ' else 'New ' end || n, '["user"]', 0, ${since} + n / 10
    from numbers`;
}

/** Seven of eight have ended, at one of two moments; each fifth has run out. */
function sessionsAt(now: number, id: string): string {
  return `insert into sessions
    (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at, ended_at,
      status_index)
    ${NUMBERS} select ${id}, 'nobody', 'body', 'seed', 0, 0, 0,
      case when n % 5 = 0 then ${now - 1} else ${now + DAY} end,
      case when n % 8 > 0 then ${now} - n % 2 end, n
    from numbers`;
}

describe.each(['sqlite', 'postgres'] as const)('A database with many rows, on %s', (kind) => {
  const clock = new MovableClock();
  let place: TestDatabase;
  let node: ReturnType<typeof bareNode>;

  beforeAll(async () => {
    place = await createDatabase(kind);
    node = bareNode(readEnvironment({ ...place.environment, BCRYPT_COST: '4' }), clock);
    await node.database.migrate();
    await place.query(crowd(clock.now()));
    await place.query(sessionsAt(clock.now(), kind === 'postgres' ? `cast(${ID} as uuid)` : ID));
  });

  afterAll(async () => {
    await node.database.close();
    await place.drop();
  });

  /** The numbers of all users who are found, page by page. */
  async function find(query: string | undefined, limit: number): Promise<number[]> {
    const found: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await node.users.list({ limit, cursor, query });
      found.push(...page.items.map(({ id }) => Number(id.slice(-12))));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  }

  const from = (last: number, first: number) =>
    Array.from({ length: last - first + 1 }, (_, index) => last - index);

  it('lists each user once, the newest first', async () => {
    expect(await find(undefined, 200)).toEqual(from(CROWD, 1));
  });

  it('finds the few who begin so, the newest first', async () => {
    expect(await find('rare.', 2)).toEqual([9_000, 6_000, 5]);
    expect(await find('N1199', 50)).toEqual([...from(11_999, 11_990), 1_199]);
    expect(await find('n77@example.org', 50)).toEqual([77]);
  });

  it('finds the many who begin so, the newest first', async () => {
    expect(await find('new 1', 200)).toEqual(
      from(CROWD, 2002).filter((n) => `${n}`.startsWith('1')),
    );
  });

  it('finds many even where all of them are behind thousands of others', async () => {
    expect(await find('OLD', 200)).toEqual(from(2001, 1));
  });

  it.each([1_999, 2_000, 2_001])('finds as many as are sorted for a page: %d', async (many) => {
    const before = `01900000-0000-7000-8000-${String(CROWD - many).padStart(12, '0')}`;
    await place.query(`update users set username = 'edge.' || id where id > '${before}'`);
    expect(await find('edge.', 200)).toEqual(from(CROWD, CROWD - many + 1));
  });

  it('finds a user once who begins so in more than one way', async () => {
    await place.query(`update users set name = 'rare.name', email = 'Rare.mail@example.org'
      where username = 'rare.5'`);
    expect(await find('rare.', 50)).toEqual([9_000, 6_000, 5]);
  });

  it('goes on where a user is deleted while the others are found', async () => {
    const rows = new UsersRepository();
    const some = rows.someWhoBegin.bind(rows);
    rows.someWhoBegin = async (...given) => {
      const found = await some(...given);
      await place.query(`delete from users where username = 'rare.9000'`);
      return found;
    };
    const page = await new UserSearch(node.database, rows).page({ limit: 2 }, 'rare.');
    expect(page.map(({ username }) => username)).toEqual(['rare.6000', 'rare.5']);
  });

  it('counts the live sessions', async () => {
    const live = from(CROWD, 1).filter((n) => n % 8 === 0 && n % 5 !== 0).length;
    expect(await node.upkeep.count()).toBe(live);
  });

  it('knows all sessions that have ended', async () => {
    const config = readEnvironment(place.environment);
    const rows = new StatusListRepository();
    const follower = new RevocationFollower(config, node.database, rows, clock);
    const { ended } = await follower.current();
    const places = [...ended.in(0)].sort((one, other) => other - one);
    expect(places).toEqual(from(CROWD, 1).filter((n) => n % 8 > 0));
  });

  it('shows who has just ended before all the others are read, when a period begins', async () => {
    const config = readEnvironment(place.environment);
    const rows = new StatusListRepository();
    const follower = new RevocationFollower(config, node.database, rows, clock);
    await follower.current();
    clock.advance('11m');
    const id = '01900000-0000-7000-8000-000000000008';
    await place.query(`update sessions set ended_at = ${clock.now()} where id = '${id}'`);
    const ended = rows.ended.bind(rows);
    rows.ended = async (db, since, before, most) => {
      if (before.endedAt <= clock.now()) await sleep(1_500);
      return ended(db, since, before, most);
    };
    await sleep(310);
    expect((await follower.current()).ended.in(0).has(8)).toBe(true);
    await follower.refresh();
  });

  // Who waits for PostgreSQL lets others go on anyway.
  if (kind === 'postgres') return;
  it.each([
    ['a count', () => node.upkeep.count()],
    ['a search', () => node.users.list({ query: 'old', limit: 1 })],
  ])('lets others go on during %s', async (_what, work) => {
    let turns = 0;
    let working = true;
    const done = work().finally(() => (working = false));
    while (working) {
      await turn();
      turns += 1;
    }
    await done;
    expect(turns).toBeGreaterThanOrEqual(CROWD / 5_000);
  });
});
