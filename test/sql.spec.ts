import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteQueryCompiler,
} from 'kysely';
import { resolveOptions } from '../src/config.js';
import { SystemClock } from '../src/contract/clock.js';
import type { Database } from '../src/database/database.js';
import type { Dialect } from '../src/database/dialect.js';
import { migrations } from '../src/database/migrations/index.js';
import type { Read, Schema, Write } from '../src/database/schema.js';
import { NIL_UUID } from '../src/database/uuid-type.js';
import { ChallengeRepository } from '../src/challenges/challenge.repository.js';
import { KeyRepository } from '../src/keys/key.repository.js';
import { ClientRepository } from '../src/oauth/client.repository.js';
import { RevokedTokenRepository } from '../src/oauth/revoked-token.repository.js';
import { AttemptLimiter, type Limit } from '../src/passwords/attempt-limiter.js';
import { StatusListRepository } from '../src/revocation/status-list.repository.js';
import { CutOffRepository } from '../src/sessions/cut-off.repository.js';
import { SessionUpkeepRepository } from '../src/sessions/session-upkeep.repository.js';
import { SessionRepository } from '../src/sessions/session.repository.js';
import { UserSessionsRepository } from '../src/sessions/user-sessions.repository.js';
import { UsersRepository } from '../src/users/users.repository.js';

/*
 * The SQL of every statement, in both dialects. A change that is meant is taken over with
 * `npm test -- sql.spec --updateSnapshot`; read the difference before.
 */

/** What every statement is answered with: enough for each repository to go on. */
const ROW = {
  id: '1',
  data: null,
  count: 1,
  value: 64,
  roles: '[]',
  scopes: '[]',
  audience: '[]',
  created_at: 0,
  expires_at: 0,
};

class Recorder {
  readonly statements: string[] = [];
  readonly db: Kysely<Schema>;

  constructor(readonly dialect: Dialect) {
    const connection: DatabaseConnection = {
      executeQuery: (query: CompiledQuery) => {
        this.statements.push(query.sql);
        const rows = [ROW] as never[];
        return Promise.resolve({ rows, numAffectedRows: 1n });
      },
      streamQuery: () => {
        throw new Error('no statement is streamed');
      },
    };
    const driver = new DummyDriver();
    driver.acquireConnection = () => Promise.resolve(connection);
    this.db = new Kysely<Schema>({
      dialect: {
        createAdapter: () => (dialect === 'sqlite' ? new SqliteAdapter() : new PostgresAdapter()),
        createDriver: () => driver,
        createIntrospector: () => {
          throw new Error('nothing is inspected');
        },
        createQueryCompiler: () =>
          dialect === 'sqlite' ? new SqliteQueryCompiler() : new PostgresQueryCompiler(),
      },
    });
  }

  /** Stands for an open transaction: the statements are the same. */
  get trx(): Write {
    return this.db as Write;
  }

  /** The statements of one call. */
  async of(call: () => Promise<unknown>): Promise<string | string[]> {
    this.statements.length = 0;
    await call();
    const [only = '', ...more] = this.statements;
    return more.length === 0 ? only : [...this.statements];
  }
}

/** One call of each method, and more where the statement depends on the arguments. */
type Calls = Record<string, (db: Read, trx: Write) => Promise<unknown>>;

const sessions = new SessionRepository();
const SESSION = {
  id: '1',
  userId: '2',
  transport: 'body',
  seed: 'seed',
  generation: 0,
  createdAt: 0,
  rotatedAt: 0,
  expiresAt: 0,
  retryKey: null,
  ip: null,
  userAgent: null,
  endedAt: null,
  endReason: null,
  statusIndex: 0,
} as const;
const ADVANCE = { id: '1', generation: 0, now: 1, expiresAt: 3, retryKey: null, deadline: 2 };

const sessionCalls: Calls = {
  insert: (db) => sessions.insert(db, SESSION),
  findMany: (db) => sessions.findMany(db, ['1', '2']),
  findLive: (db) => sessions.findLive(db, ['1', '2'], 0),
  keep: (_db, trx) => sessions.keep(trx, { id: '1', userId: '2' }, 1, 0),
  'keep with another seed': (_db, trx) =>
    sessions.keep(trx, { id: '1', userId: '2' }, 1, 0, { seed: 'seed', expiresAt: 1 }),
  advance: (db) => sessions.advance(db, [ADVANCE, { ...ADVANCE, id: '2' }]),
  end: (db) => sessions.end(db, '1', '2', 0, 'logout'),
  reserveStatusIndexes: (db) => sessions.reserveStatusIndexes(db, 64),
  giveStatusIndex: (db) => sessions.giveStatusIndex(db, '1', 7),
};

const userSessions = new UserSessionsRepository();

const userSessionCalls: Calls = {
  listLive: (db) => userSessions.listLive(db, '2', 0, { limit: 101 }),
  'listLive from a cursor': (db) =>
    userSessions.listLive(db, '2', 0, { limit: 101, before: NIL_UUID, except: '1' }),
  findLiveOf: (db) => userSessions.findLiveOf(db, '2', '1', 0),
  countLive: (db) => userSessions.countLive(db, '2', 0, 700),
  findLeastRecentlyUsed: (db) =>
    userSessions.findLeastRecentlyUsed(db, '2', 0, { candidates: 700, limit: 500, except: '1' }),
  endMany: (db) => userSessions.endMany(db, ['1', '2'], 0, 'superseded'),
};

const cutOffs = new CutOffRepository();
const CUT_OFF = { userId: '2', epoch: 1, reason: 'logout_all' } as const;

const cutOffCalls: Calls = {
  advance: (_db, trx) => cutOffs.advance(trx, '2', 'logout_all', 0),
  endSome: (db) => cutOffs.endSome(db, CUT_OFF, 0, 500),
  finish: (db) => cutOffs.finish(db, CUT_OFF),
  pending: (db) => cutOffs.pending(db, 20),
};

const upkeep = new SessionUpkeepRepository();

const upkeepCalls: Calls = {
  countLive: (db) => upkeep.countLive(db, 0, NIL_UUID, 5_000),
  stretch: (db) => upkeep.stretch(db, NIL_UUID, 0, 500),
  remove: (db) => upkeep.remove(db, ['1', '2']),
};

const keys = new KeyRepository();
const KEY = {
  id: '1',
  purpose: 'signing',
  algorithm: 'ES256',
  wrapped: 'wrapped',
  wrappedBy: 'secret',
  publicJwk: '{}',
  createdAt: 0,
  signsFrom: 0,
};

const keyCalls: Calls = {
  all: (db) => keys.all(db),
  find: (db) => keys.find(db, '1'),
  signing: (db) => keys.signing(db),
  insert: (_db, trx) => keys.insert(trx, KEY),
  rewrap: (_db, trx) => keys.rewrap(trx, '1', KEY),
  signFrom: (_db, trx) => keys.signFrom(trx, '1', 0),
  remove: (db) => keys.remove(db, ['1', '2']),
};

const users = new UsersRepository();
const USER = {
  id: '1',
  email: 'ada@example.com',
  emailVerified: true,
  username: 'ada',
  name: 'Ada',
  roles: ['user'],
  disabled: false,
  passwordHash: 'hash',
  createdAt: new Date(0),
};
const CHANGES = { email: 'ada@example.com', emailVerified: true, username: null, name: null };

const userCalls: Calls = {
  insert: (db) => users.insert(db, USER),
  findMany: (db) => users.findMany(db, ['1', '2']),
  findByEmail: (db) => users.findByEmail(db, USER.email),
  findByUsername: (db) => users.findByUsername(db, 'ada'),
  list: (db) => users.list(db, { limit: 50 }),
  'list from a cursor': (db) => users.list(db, { limit: 50, after: { createdAt: 0, id: '1' } }),
  someWhoBegin: (db) => users.someWhoBegin(db, 'ada', 2_000),
  searchStretch: (db) =>
    users.searchStretch(db, 'ada', { limit: 50, after: { createdAt: 0, id: '1' } }, 5_000),
  update: (_db, trx) => users.update(trx, '1', { ...CHANGES, roles: [], disabled: true }),
  replaceHash: (db) => users.replaceHash(db, '1', 'hash', 'other'),
  'replaceHash of none': (db) => users.replaceHash(db, '1', null, 'other'),
  setHash: (db) => users.setHash(db, '1', 'other'),
  remove: (_db, trx) => users.remove(trx, '1'),
  hasOtherAdmin: (_db, trx) => users.hasOtherAdmin(trx, '1'),
};

const clients = new ClientRepository();
const CLIENT = {
  id: 'orders',
  registration: 'registration',
  previousSecret: null,
  secretHash: 'hash',
  scopes: ['orders:read'],
  audience: [],
  createdAt: 0,
};

const clientCalls: Calls = {
  insert: (db) => clients.insert(db, CLIENT),
  findMany: (db) => clients.findMany(db, ['orders', 'stock']),
  all: (db) => clients.all(db),
  replaceSecret: (db) => clients.replaceSecret(db, 'orders', 'hash', 1_000),
  remove: (db) => clients.remove(db, 'orders'),
};

const revokedTokens = new RevokedTokenRepository();

const revokedTokenCalls: Calls = {
  insert: (db) => revokedTokens.insert(db, 'jti', 0),
  has: (db) => revokedTokens.has(db, 'jti'),
  removeExpired: (db) => revokedTokens.removeExpired(db, 0, 1000),
};

function limiter(db: Read): AttemptLimiter {
  const run = (work: (db: Read) => Promise<unknown>) => work(db);
  const database = { read: run, write: run, transaction: run } as unknown as Database;
  return new AttemptLimiter(resolveOptions({}), database, new SystemClock());
}

const LIMIT: Limit = { subject: ['somebody'], most: 10, seconds: 900 };

const limiterCalls: Calls = {
  'count and forgive': async (db) => (await limiter(db).count([LIMIT])).forgive(),
  sweep: (db) => limiter(db).sweep(),
};

const lists = new StatusListRepository();

const listCalls: Calls = {
  ended: (db) => lists.ended(db, 0, { endedAt: 1, id: NIL_UUID }, 2_500),
  given: (db) => lists.given(db),
};

const challenges = new ChallengeRepository();
const CHALLENGE = {
  id: '1',
  purpose: 'reset',
  userId: '2',
  binding: 'digest',
  data: null,
  attempts: 0,
  createdAt: 0,
  expiresAt: 1,
  takenAt: null,
};

const challengeCalls: Calls = {
  insert: (db) => challenges.insert(db, CHALLENGE),
  find: (db) => challenges.find(db, 'reset', '1'),
  countAttempt: (db) => challenges.countAttempt(db, 'reset', '1', 0, 5),
  uncountAttempt: (db) => challenges.uncountAttempt(db, '1'),
  take: (db) => challenges.take(db, 'reset', '1', 0),
  assign: (db) => challenges.assign(db, '1', '2', 'digest'),
  removeOpen: (db) => challenges.removeOpen(db, 'reset', '2', 1_000),
  removeExpired: (db) => challenges.removeExpired(db, 0, 1_000),
};

const CLASSES = {
  userSessions: { type: UserSessionsRepository, calls: userSessionCalls },
  cutOffs: { type: CutOffRepository, calls: cutOffCalls },
  challenges: { type: ChallengeRepository, calls: challengeCalls },
  sessions: { type: SessionRepository, calls: sessionCalls },
  sessionUpkeep: { type: SessionUpkeepRepository, calls: upkeepCalls },
  keys: { type: KeyRepository, calls: keyCalls },
  users: { type: UsersRepository, calls: userCalls },
  statusLists: { type: StatusListRepository, calls: listCalls },
  clients: { type: ClientRepository, calls: clientCalls },
  revokedTokens: { type: RevokedTokenRepository, calls: revokedTokenCalls },
};

describe.each(['sqlite', 'postgres'] as const)('SQL on %s', (dialect) => {
  const recorder = new Recorder(dialect);
  const groups = { ...mapped(CLASSES), attempts: limiterCalls };

  it.each(Object.entries(groups))('%s', async (_name, calls) => {
    const statements: Record<string, unknown> = {};
    for (const [method, call] of Object.entries(calls)) {
      statements[method] = await recorder.of(() => call(recorder.db, recorder.trx));
    }
    expect(statements).toMatchSnapshot();
  });

  it('migrations', async () => {
    const statements: Record<string, unknown> = {};
    for (const [name, migration] of Object.entries(migrations(dialect))) {
      statements[name] = await recorder.of(() => migration.up(recorder.db));
    }
    expect(statements).toMatchSnapshot();
  });
});

it.each(Object.entries(CLASSES))('every method on %s is in the snapshot', (_name, each) => {
  const methods = Object.getOwnPropertyNames(each.type.prototype).filter(
    (name) => name !== 'constructor',
  );
  const called = Object.keys(each.calls).map((name) => name.split(' ')[0]);
  expect(called).toEqual(expect.arrayContaining(methods));
});

/*
 * To read a whole table holds every request up on SQLite, and may take longer than a request waits for
 * PostgreSQL. Small tables may be read so, and what has been read by an index.
 */
const SMALL = /^SCAN (keys|clients|some|wanted|live|oldest|2 CONSTANT ROWS)\b/;
/** An index read from its beginning: for the first page, and one of few rows. */
const IN_ORDER = [
  'pending: SCAN session_epochs USING INDEX session_epochs_pending',
  'list: SCAN users USING INDEX users_by_age',
  'hasOtherAdmin: SCAN users USING INDEX users_admins',
];

describe('SQLite reads no large table whole', () => {
  const recorder = new Recorder('sqlite');
  const database = new BetterSqlite3(':memory:');
  afterAll(() => {
    database.close();
  });

  function plan(statement: string): string[] {
    const parameters = [...statement.matchAll(/\?/g)].map(() => null);
    const steps = database.prepare<unknown[], { detail: string }>(
      `explain query plan ${statement}`,
    );
    return steps.all(...parameters).map(({ detail }) => detail);
  }

  beforeAll(async () => {
    for (const migration of Object.values(migrations('sqlite'))) {
      for (const statement of [await recorder.of(() => migration.up(recorder.db))].flat()) {
        if (statement !== '') database.exec(statement);
      }
    }
  });

  it.each(Object.entries({ ...mapped(CLASSES), attempts: limiterCalls }))(
    'for each statement on %s',
    async (_name, calls) => {
      const scans: string[] = [];
      for (const [method, call] of Object.entries(calls)) {
        for (const statement of [await recorder.of(() => call(recorder.db, recorder.trx))].flat()) {
          const steps = plan(statement).filter((step) => step.startsWith('SCAN '));
          const large = steps.filter((step) => !SMALL.test(step));
          scans.push(...large.map((step) => `${method}: ${step}`));
        }
      }
      expect(scans.filter((scan) => !IN_ORDER.includes(scan))).toEqual([]);
    },
  );
});

function mapped(classes: typeof CLASSES): Record<string, Calls> {
  return Object.fromEntries(Object.entries(classes).map(([name, { calls }]) => [name, calls]));
}
