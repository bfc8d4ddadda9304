import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { readEnvironment } from '../src/config.js';
import { Batch, batchedReads, JOINABLE } from '../src/database/batch.js';
import { Database } from '../src/database/database.js';
import { ListQuery } from '../src/database/list-query.js';
import type { Read } from '../src/database/schema.js';
import { openSqlite } from '../src/database/sqlite.js';
import { StorageUnavailableError } from '../src/database/storage-error.js';
import { WriteQueue } from '../src/database/write-queue.js';
import { LatchkeyEvents } from '../src/events.js';
import type { Advance } from '../src/sessions/advance.js';
import { SessionRepository } from '../src/sessions/session.repository.js';
import { UsersRepository } from '../src/users/users.repository.js';
import { CutOffRepository } from '../src/sessions/cut-off.repository.js';
import { SessionCutOff } from '../src/sessions/session-cut-off.js';
import { SessionLimit } from '../src/sessions/session-limit.js';
import { UserSessionsRepository } from '../src/sessions/user-sessions.repository.js';
import { Sessions } from '../src/sessions/sessions.js';
import { StatusIndexes } from '../src/sessions/status-indexes.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { createDatabase, type TestDatabase } from './support/databases.js';
import { SINCE_010, takeBackTo010 } from './support/version-010.js';

/** Every thing in a class of its own, as a driver's error comes. */
function postgresError(code: string): Error {
  return Object.assign(new Error('from PostgreSQL'), { code });
}

describe('A transaction that fails', () => {
  const add = (name: string, fails: boolean) => async (trx: Read) => {
    await sql`insert into counters (name, value) values (${name}, 0)`.execute(trx);
    if (fails) throw new Error(`${name} failed`);
    return name;
  };

  it.each([
    ['alone in its turn', []],
    ['among others of its turn', ['a', 'b']],
  ])('%s is undone, and it alone', async (_, others) => {
    const place = await createDatabase('sqlite');
    const database = new Database(readEnvironment(place.environment).databaseUrl);
    try {
      await database.migrate();
      const [failed, ...rest] = await Promise.allSettled([
        database.transaction(add('x', true)),
        ...others.map((name) => database.transaction(add(name, false))),
      ]);
      expect(failed).toMatchObject({ status: 'rejected', reason: { message: 'x failed' } });
      expect(rest.map(({ status }) => status)).toEqual(others.map(() => 'fulfilled'));
      expect(await place.query('select name from counters order by name')).toEqual(
        others.map((name) => ({ name })),
      );
    } finally {
      await database.close();
      await place.drop();
    }
  });
});

/** @see contract §1, «storage down»: SQLite rolls back by itself then, and there is nothing left to roll back. */
describe('A full disk', () => {
  it.each([
    ['alone in its turn', 0],
    ['among others of its turn', 2],
  ])('is storage trouble for a write %s, and later writes are made', async (_, others) => {
    const place = await createDatabase('sqlite');
    const database = new Database(readEnvironment(place.environment).databaseUrl);
    const add = (name: string) =>
      database.write((db) =>
        sql`insert into counters (name, value) values (${name}, 0)`.execute(db),
      );
    const allow = (pages: number) =>
      database.read((db) => sql`pragma max_page_count = ${sql.lit(pages)}`.execute(db));
    try {
      await database.migrate();
      await allow(100);
      const writes = [
        add('x'.repeat(2_000_000)),
        ...Array.from({ length: others }, (_each, at) => add(`${at}`)),
      ];
      const [failed, ...rest] = await Promise.allSettled(writes);
      expect(failed).toMatchObject({ status: 'rejected' });
      for (const each of [failed, ...rest]) {
        if (each?.status === 'rejected')
          expect(each.reason).toBeInstanceOf(StorageUnavailableError);
      }
      const kept = rest.filter(({ status }) => status === 'fulfilled').length;
      expect(await place.query('select name from counters')).toHaveLength(kept);
      await allow(100_000);
      await add('later');
      expect(await place.query('select name from counters')).toHaveLength(kept + 1);
    } finally {
      await database.close();
      await place.drop();
    }
  });
});

describe('A query over a list', () => {
  it('is asked anew for each list', async () => {
    const kysely = openSqlite(':memory:');
    const query = new ListQuery<string, { value: string }>(
      (db, ids, [least]) =>
        sql<{ value: string }>`
          select column1 as value from (values ${sql.join(ids.map((id) => sql`(${id})`))})
          where column1 > ${least}
        `.compile(db),
      (id) => [id],
    );
    try {
      const rows = async (list: string[], least: string) =>
        [...new Set((await query.run(kysely, list, least)).map(({ value }) => value))].join('');
      expect(await rows(['b', 'c', 'd'], 'a')).toBe('bcd');
      expect(await rows(['x', 'y', 'z'], 'x')).toBe('yz');
      expect(await rows(['q'], 'a')).toBe('q');
    } finally {
      await kysely.destroy();
    }
  });

  it('refuses to be built with its parameters out of order', async () => {
    const kysely = openSqlite(':memory:');
    const query = new ListQuery<string, unknown>(
      (db, ids, [first]) => sql`select ${first}, ${ids[0]}`.compile(db),
      (id) => [id],
    );
    try {
      await expect(query.run(kysely, ['a'], 'b')).rejects.toThrow(/order/);
    } finally {
      await kysely.destroy();
    }
  });
});

/** @see contract §2, rule 4: «A failed renewal consumes nothing.» */
describe('A write that waited longer than anybody waits for it', () => {
  const late = 400;

  it('is not made any more, and the next one is', async () => {
    const kysely = openSqlite(':memory:');
    try {
      const queue = new WriteQueue(kysely, late);
      const made: string[] = [];
      const slow = queue.add(async () => {
        await sleep(late + 50);
        made.push('slow');
      });
      const waiting = queue.add(async () => {
        made.push('waiting');
      });
      await expect(waiting).rejects.toBeInstanceOf(StorageUnavailableError);
      await slow;
      await queue.add(async () => {
        made.push('next');
      });
      expect(made).toEqual(['slow', 'next']);
    } finally {
      await kysely.destroy();
    }
  });
});

describe('Questions of one turn', () => {
  const database = new Database({ kind: 'sqlite', file: ':memory:' });

  afterAll(() => database.close());

  function reading(run: (inputs: readonly number[]) => Promise<readonly number[]>) {
    return new Batch<number, number>(
      (work) => database.read(work),
      (_db, inputs) => run(inputs),
    );
  }

  it('are one statement, answered in their order', async () => {
    const runs: (readonly number[])[] = [];
    const batch = reading((inputs) => {
      runs.push(inputs);
      return Promise.resolve(inputs.map((input) => input * 2));
    });
    const inputs = Array.from({ length: 501 }, (_, index) => index);
    const outputs = await Promise.all(inputs.map((input) => batch.add(input)));
    expect(outputs).toEqual(inputs.map((input) => input * 2));
    expect(runs.map((each) => each.length)).toEqual([500, 1]);
    expect(await batch.add(1_000)).toBe(2_000);
    expect(runs).toHaveLength(3);
  });

  it('fail together, and the next turn is asked anew', async () => {
    let broken = true;
    const batch = reading((inputs) =>
      broken ? Promise.reject(new Error('broken')) : Promise.resolve(inputs),
    );
    const outcomes = await Promise.allSettled([batch.add(1), batch.add(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    broken = false;
    expect(await batch.add(3)).toBe(3);
  });

  it('about one key are one key, and who asks later gets no older answer', async () => {
    const asked: (readonly string[])[] = [];
    const reads = batchedReads(database, (_db, keys) => {
      asked.push(keys);
      return Promise.resolve(new Map(keys.map((key) => [key, asked.length])));
    });
    expect(await Promise.all([reads.add('a'), reads.add('b'), reads.add('a')])).toEqual([1, 1, 1]);
    expect(await reads.add('a')).toBe(2);
    expect(asked).toEqual([['a', 'b'], ['a']]);
  });

  it('are joined by later ones until their statement begins, and by none after that', async () => {
    const runs: (readonly number[])[] = [];
    const gates: (() => void)[] = [];
    const gate = () => new Promise<void>((open) => gates.push(open));
    const batch = new Batch<number, number>(
      (work) => database.write(work),
      async (_db, inputs) => {
        runs.push(inputs);
        await gate();
        return inputs;
      },
    );
    const before = database.write(gate);
    await turns();
    const first = batch.add(1);
    await turns();
    const second = batch.add(2);
    gates.shift()?.();
    await before;
    await turns();
    const third = batch.add(3);
    gates.shift()?.();
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    await turns();
    gates.shift()?.();
    expect(await third).toBe(3);
    expect(runs).toEqual([[1, 2], [3]]);
  });

  it('fail together with those that joined, when their statement never begins, and alone', async () => {
    let fail: (error: Error) => void = () => undefined;
    let away = true;
    const batch = new Batch<number, number>(
      (work) =>
        away ? new Promise((_, reject) => (fail = reject)) : database.read((db) => work(db)),
      (_db, inputs) => Promise.resolve(inputs),
    );
    const first = batch.add(1);
    await turns();
    const second = batch.add(2);
    fail(new Error('away'));
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    away = false;
    expect(await batch.add(3)).toBe(3);
  });

  it('are not joined by those that come much later: these would be told too early that it failed', async () => {
    const begun: (() => void)[] = [];
    const batch = new Batch<number, number>(
      async (work) => {
        await new Promise<void>((begin) => begun.push(begin));
        return database.read((db) => work(db));
      },
      (_db, inputs) => Promise.resolve(inputs.map(() => inputs.length)),
    );
    const early = [batch.add(1), batch.add(2)];
    await turns();
    await new Promise((done) => setTimeout(done, JOINABLE + 20));
    const late = batch.add(3);
    await turns();
    for (const begin of begun) begin();
    expect(await Promise.all([...early, late])).toEqual([2, 2, 1]);
  });
});

/** Lets what waits for the event loop's next turns happen. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((done) => setImmediate(done));
}

/** Counts the statements that renew. */
class CountingRepository extends SessionRepository {
  readonly sizes: number[] = [];

  override advance(db: Read, changes: readonly Advance[]) {
    this.sizes.push(changes.length);
    return super.advance(db, changes);
  }
}

/** @see contract §2, «Rotation»: «Every renewal is one atomic compare-and-set of the generation.» */
describe.each(['sqlite', 'postgres'] as const)('Renewals of one turn, on %s', (kind) => {
  const clock = new MovableClock();
  let place: TestDatabase;
  let nodes: ReturnType<typeof node>[];

  function node() {
    const config = readEnvironment({
      ...place.environment,
      REFRESH_RETRY_WINDOW: '10s',
      SESSIONS_PER_USER: '100000',
    });
    const database = new Database(config.databaseUrl);
    const rows = new CountingRepository();
    const indexes = new StatusIndexes(database, rows);
    const events = new LatchkeyEvents();
    const cutOffs = new SessionCutOff(database, new CutOffRepository(), clock, events);
    const limit = new SessionLimit(config, database, new UserSessionsRepository(), clock, events);
    const sessions = new Sessions(config, database, rows, clock, events, indexes, cutOffs, limit);
    return { database, rows, sessions };
  }

  beforeAll(async () => {
    place = await createDatabase(kind);
    nodes = [node(), node()];
    await one().database.migrate();
    await place.query(
      `insert into users (id, email, email_key, email_verified, roles, disabled, created_at)
       values ('ada', 'ada@example.com', 'ada@example.com', 1, '[]', 0, 0)`,
    );
  });

  afterAll(async () => {
    await Promise.all(nodes.map(({ database }) => database.close()));
    await place.drop();
  });

  const one = () => nodes[0] as ReturnType<typeof node>;
  const other = () => nodes[1] as ReturnType<typeof node>;

  const start = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () =>
        one().sessions.start({ userId: 'ada', transport: 'body', ip: null, userAgent: null }),
      ),
    );

  /** Renews as a request does: the session is read, then moved. */
  async function renew(by: Sessions, id: string, generation: number) {
    const found = await by.find(id);
    if (found === undefined) throw new Error('no such session');
    return by.renew(found, { generation, expired: false }, undefined);
  }

  const generations = async (ids: readonly string[]) => {
    const found = await Promise.all(ids.map((id) => one().sessions.find(id)));
    return found.map((session) => session?.generation);
  };

  it('give each of 200 sessions its own successor, in one statement', async () => {
    const started = await start(200);
    const ids = started.map(({ id }) => id);
    const { rows, sessions } = one();
    rows.sizes.length = 0;
    const renewals = await Promise.all(ids.map((id) => renew(sessions, id, 0)));
    expect(rows.sizes).toEqual([200]);
    expect(renewals.map(({ outcome }) => outcome)).toEqual(ids.map(() => 'rotated'));
    const successors = renewals.map(({ session }) => session);
    expect(successors.map(({ id, seed, statusIndex }) => [id, seed, statusIndex])).toEqual(
      started.map(({ id, seed, statusIndex }) => [id, seed, statusIndex]),
    );
    expect(successors.map(({ generation }) => generation)).toEqual(ids.map(() => 1));
    expect(await generations(ids)).toEqual(ids.map(() => 1));
  });

  it('renew each only from the generation that it presents', async () => {
    const [fresh, stale, ended] = (await start(3)).map(({ id }) => id) as [string, string, string];
    await renew(one().sessions, stale, 0);
    await renew(one().sessions, stale, 1);
    await one().sessions.endOne('ada', ended, 'logout');
    const renewals = await Promise.all(
      [fresh, stale, ended].map((id) => renew(one().sessions, id, 0)),
    );
    expect(renewals.map(({ outcome }) => outcome)).toEqual(['rotated', 'rejected', 'rejected']);
    expect(await generations([fresh, stale, ended])).toEqual([1, 2, 0]);
  });

  it('of one session all end on one token', async () => {
    const [session, bystander] = (await start(2)).map(({ id }) => id) as [string, string];
    const renewals = await Promise.all(
      [session, bystander, session, session].map((id) => renew(one().sessions, id, 0)),
    );
    expect(renewals.map(({ outcome }) => outcome)).toEqual([
      'rotated',
      'rotated',
      'replayed',
      'replayed',
    ]);
    const own = renewals.filter((renewal) => renewal.session.id === session);
    expect(own.map((renewal) => renewal.session.generation)).toEqual([1, 1, 1]);
    expect(await generations([session, bystander])).toEqual([1, 1]);
  });

  it('of two nodes, in opposite orders, end on one token each', async () => {
    const ids = (await start(100)).map(({ id }) => id);
    for (let round = 0; round < 3; round += 1) {
      const renewals = await Promise.all([
        ...ids.map((id) => renew(one().sessions, id, round)),
        ...ids.toReversed().map((id) => renew(other().sessions, id, round)),
      ]);
      expect(renewals.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(100);
      expect(renewals.filter(({ outcome }) => outcome === 'replayed')).toHaveLength(100);
      expect(await generations(ids)).toEqual(ids.map(() => round + 1));
    }
  });

  /** @see contract §2, rule 4: «A failed renewal consumes nothing.» */
  it('consume nothing, none of them, when their statement fails', async () => {
    const ids = (await start(20)).map(({ id }) => id);
    const mend = await breakRenewalsOf(ids[7] as string);
    const outcomes = await Promise.allSettled(ids.map((id) => renew(one().sessions, id, 0)));
    expect(outcomes.map(({ status }) => status)).toEqual(ids.map(() => 'rejected'));
    expect(await generations(ids)).toEqual(ids.map(() => 0));
    await mend();
    clock.advance('1h');
    const renewals = await Promise.all(ids.map((id) => renew(one().sessions, id, 0)));
    expect(renewals.map(({ outcome }) => outcome)).toEqual(ids.map(() => 'rotated'));
  });

  /** Makes the database refuse each statement that moves one session. @returns what undoes it. */
  async function breakRenewalsOf(id: string): Promise<() => Promise<unknown>> {
    if (kind === 'postgres') {
      await place.query(
        `alter table sessions add constraint stuck check (id <> '${id}' or generation = 0)`,
      );
      return () => place.query('alter table sessions drop constraint stuck');
    }
    await place.query(
      `create trigger stuck before update on sessions when new.id = '${id}'
       begin select raise(abort, 'stuck'); end`,
    );
    return () => place.query('drop trigger stuck');
  }

  /** @see Advance.deadline: by then the caller has had his 503. */
  it('do nothing once their time is over by the database’s own clock', async () => {
    const [id] = (await start(1)).map((session) => session.id) as [string];
    const { database, rows, sessions } = one();
    const readAt = (await sessions.find(id))?.readAt ?? Number.NaN;
    const now = clock.now();
    const change = { id, generation: 0, retryKey: null, now, expiresAt: now + 1_000_000 };
    const advance = (deadline: number) =>
      database.write((db) => rows.advance(db, [{ ...change, deadline }]));
    expect((await advance(readAt)).size).toBe(0);
    expect(await generations([id])).toEqual([0]);
    expect((await advance(readAt + 60_000)).has(id)).toBe(true);
    expect(await generations([id])).toEqual([1]);
  });
});

/** @see contract §1: «Never a 5xx for bad input»; two who get in each other's way have done nothing wrong. */
describe('Transactions that PostgreSQL finds in each other’s way', () => {
  let place: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    place = await createDatabase('postgres');
    database = new Database(readEnvironment(place.environment).databaseUrl);
    await database.migrate();
    await place.query(`insert into counters (name, value) values ('a', 0), ('b', 0)`);
  });

  afterAll(async () => {
    await database.close();
    await place.drop();
  });

  it('are both made, one after the other', async () => {
    let attempts = 0;
    let waiting = 0;
    let go = (): void => undefined;
    const both = new Promise<void>((resolve) => (go = resolve));
    const addTo = (first: string, second: string) =>
      database.transaction(async (trx) => {
        attempts += 1;
        await sql`update counters set value = value + 1 where name = ${first}`.execute(trx);
        waiting += 1;
        if (waiting === 2) go();
        await both;
        await sql`update counters set value = value + 1 where name = ${second}`.execute(trx);
      });
    await Promise.all([addTo('a', 'b'), addTo('b', 'a')]);
    expect(attempts).toBe(3);
    expect(await place.query('select name, value from counters order by name')).toMatchObject([
      { name: 'a', value: '2' },
      { name: 'b', value: '2' },
    ]);
  });

  it.each(['40P01', '40001'])('are tried three times at most (%s)', async (code) => {
    let attempts = 0;
    const failing = (times: number) => () => {
      attempts += 1;
      return attempts <= times ? Promise.reject(postgresError(code)) : Promise.resolve('done');
    };
    expect(await database.write(failing(2))).toBe('done');
    attempts = 0;
    await expect(database.write(failing(3))).rejects.toBeInstanceOf(StorageUnavailableError);
    expect(attempts).toBe(3);
  });

  it.each(['23505', '57014', '08006'])(
    'are not tried again for another reason (%s)',
    async (code) => {
      let attempts = 0;
      const failing = database.write(() => {
        attempts += 1;
        return Promise.reject(postgresError(code));
      });
      await expect(failing).rejects.toThrow();
      expect(attempts).toBe(1);
    },
  );
});

describe.each(['sqlite', 'postgres'] as const)('A database of 0.1.0, on %s', (kind) => {
  it('keeps its users and sessions', async () => {
    const place = await createDatabase(kind);
    const database = new Database(readEnvironment(place.environment).databaseUrl);
    try {
      await database.migrate();
      await takeBackTo010(place);
      await place.query(
        `insert into users (id, email, email_key, email_verified, name, roles, disabled, created_at)
         values ('ada', 'Ada@example.org', 'ada@example.org', 0, 'Ada', '[]', 0, 0)`,
      );
      const id = '01a20316-4d7e-71ef-94ad-23a220feded5';
      await place.query(
        `insert into sessions (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at)
         values ('${id}', 'ada', 'body', 'seed', 3, 0, 0, 9000000000000)`,
      );

      expect(await database.migrate()).toEqual(SINCE_010);

      const users = new UsersRepository();
      const ada = await database.read((db) => users.findByEmail(db, 'ADA@example.org'));
      expect(ada).toMatchObject({ id: 'ada', email: 'Ada@example.org', name: 'Ada' });
      const rows = new SessionRepository();
      const found = await database.read((db) => rows.findMany(db, [id]));
      expect(found.get(id)).toMatchObject({ id, generation: 3 });
      const change = { id, generation: 3, retryKey: null, now: 1, expiresAt: 2, deadline: 9e12 };
      const moved = await database.write((db) => rows.advance(db, [change]));
      expect([...moved]).toEqual([id]);
    } finally {
      await database.close();
      await place.drop();
    }
  });
});

describe.each(['sqlite', 'postgres'] as const)('A database of a later version, on %s', (kind) => {
  it('is refused', async () => {
    const place = await createDatabase(kind);
    const database = new Database(readEnvironment(place.environment).databaseUrl);
    try {
      await database.migrate();
      await place.query(`insert into kysely_migration values ('9999-later', '2030-01-01')`);
      await expect(database.migrate()).rejects.toThrow('9999-later');
    } finally {
      await database.close();
      await place.drop();
    }
  });
});

describe('A migration on PostgreSQL', () => {
  let place: TestDatabase;

  beforeAll(async () => {
    place = await createDatabase('postgres');
  });

  afterAll(() => place.drop());

  it('takes as long as it needs, unlike what requests wait for, and other nodes wait for it', async () => {
    const { databaseUrl } = readEnvironment(place.environment);
    const nodes = [new Database(databaseUrl), new Database(databaseUrl)] as const;
    try {
      await nodes[0].migrate();
      await takeBackTo010(place);
      const holding = place.query('do $$ begin lock table sessions; perform pg_sleep(4); end $$');
      await locked();

      const applied = await Promise.all(nodes.map((node) => node.migrate()));
      expect(applied.flat()).toEqual(SINCE_010);
      await holding;
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
    }
  });

  async function locked(): Promise<void> {
    const held = `select 1 from pg_locks
      where relation = 'sessions'::regclass and mode = 'AccessExclusiveLock' and granted`;
    while ((await place.query(held)).length === 0)
      await new Promise((next) => setTimeout(next, 20));
  }
});
