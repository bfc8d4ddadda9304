import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

/**
 * @typedef {{ id: string, email: string, passwordHash: string, roles: string[], createdAt: number }} User
 * @typedef {{ id: string, userId: string, seed: string, ip: string, userAgent: string | null, now: number, expiresAt: number }} NewSession
 * @typedef {{ generation: number, createdAt: number, user: User }} Renewed
 * @typedef {{ id: string, generation: number, now: number, idleLife: number, fullLife: number }} Advance
 *
 * What the floor asks of its database: one statement each.
 * @typedef {object} Store
 * @property {(user: User) => unknown} addUser
 * @property {(email: string) => User | undefined | Promise<User | undefined>} findUser
 * @property {(id: string, hash: string) => unknown} replaceHash
 * @property {(session: NewSession) => unknown} addSession
 * @property {(change: Advance) => Renewed | undefined | Promise<Renewed | undefined>} advance
 * @property {(id: string, now: number) => unknown} end
 * @property {(id: string, now: number) => boolean | Promise<boolean>} isAlive
 */

/** The service's own columns, so that both write rows of the same size. */
const USERS = `create table if not exists users (
  id text primary key not null, email text not null unique, roles text not null,
  password_hash text not null, created_at bigint not null)`;
const SESSIONS = (/** @type {'text' | 'uuid'} */ id) => `create table if not exists sessions (
  id ${id} primary key not null, user_id text not null, transport text not null, seed text not null,
  generation integer not null, created_at bigint not null, rotated_at bigint not null,
  expires_at bigint not null, retry_key text, ip text, user_agent text, ended_at bigint, end_reason text,
  status_index bigint)`;
const INDEXES = `create index if not exists sessions_by_user on sessions (user_id);
  create index if not exists sessions_by_end on sessions (ended_at) where ended_at is not null`;

/**
 * @param {string} url `sqlite:<file>` or `postgres://…`
 * @param {boolean} grouped on SQLite: renewals of one turn of the event loop share a commit
 * @returns {Promise<Store>}
 */
export async function openStore(url, grouped) {
  if (!url.startsWith('sqlite:')) return openPostgres(url);
  return openSqlite(url.slice('sqlite:'.length), grouped);
}

/**
 * Each writing statement is a transaction of its own, flushed to disk before it is answered.
 *
 * @param {string} file
 * @param {boolean} grouped but renewals share theirs
 * @returns {Store}
 */
function openSqlite(file, grouped) {
  const database = new BetterSqlite3(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(`${USERS}; ${SESSIONS('text')} without rowid; ${INDEXES}`);
  const addUser = database.prepare('insert into users values (?, ?, ?, ?, ?)');
  const byEmail = database.prepare('select * from users where email = ?');
  const byId = database.prepare('select * from users where id = ?');
  const replaceHash = database.prepare('update users set password_hash = ? where id = ?');
  const addSession = database.prepare(`insert into sessions
    (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at, ip, user_agent)
    values (?, ?, 'body', ?, 0, ?, ?, ?, ?, ?)`);
  const advance = database.prepare(`update sessions
    set generation = generation + 1, rotated_at = ?, expires_at = min(?, created_at + ?)
    where id = ? and generation = ? and ended_at is null and expires_at > ?
    returning user_id, generation, created_at`);
  const end = database.prepare(
    'update sessions set ended_at = ? where id = ? and ended_at is null',
  );
  const alive = database.prepare(
    'select 1 from sessions where id = ? and ended_at is null and expires_at > ?',
  );
  /** @param {Advance} change @returns {Renewed | undefined} */
  function advanceOne({ id, generation, now, idleLife, fullLife }) {
    const [row] = advance.all(now, now + idleLife, fullLife, id, generation, now);
    if (row === undefined) return undefined;
    const user = toUser(byId.get(row.user_id));
    return user && { generation: row.generation, createdAt: row.created_at, user };
  }
  return {
    addUser: (user) =>
      addUser.run(
        user.id,
        user.email,
        JSON.stringify(user.roles),
        user.passwordHash,
        user.createdAt,
      ),
    findUser: (email) => toUser(byEmail.get(email)),
    replaceHash: (id, hash) => replaceHash.run(hash, id),
    addSession: ({ id, userId, seed, now, expiresAt, ip, userAgent }) =>
      addSession.run(id, userId, seed, now, now, expiresAt, ip, userAgent),
    advance: grouped ? sharingCommits(database, advanceOne) : advanceOne,
    end: (id, now) => end.run(now, id),
    isAlive: (id, now) => alive.get(id, now) !== undefined,
  };
}

/**
 * What waits in the same turn of the event loop shares a transaction, a savepoint each, and is answered after
 * its commit.
 *
 * @template Change, Result
 * @param {import('better-sqlite3').Database} database
 * @param {(change: Change) => Result} work
 * @returns {(change: Change) => Promise<Result>}
 */
function sharingCommits(database, work) {
  const begin = database.prepare('begin immediate');
  const savepoint = database.prepare('savepoint one');
  const release = database.prepare('release one');
  const commit = database.prepare('commit');
  /** @type {{ change: Change, answer: (result: Result) => void }[]} */
  let waiting = [];
  const run = () => {
    const batch = waiting;
    waiting = [];
    begin.run();
    const results = batch.map(({ change, answer }) => {
      savepoint.run();
      const result = work(change);
      release.run();
      return () => answer(result);
    });
    commit.run();
    for (const tell of results) tell();
  };
  return (change) =>
    new Promise((answer) => {
      if (waiting.push({ change, answer }) === 1) setImmediate(run);
    });
}

/**
 * @param {string} url
 * @returns {Promise<Store>}
 */
async function openPostgres(url) {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query(`${USERS}; ${SESSIONS('uuid')} with (fillfactor = 72); ${INDEXES}`);
  /** @type {(name: string, text: string, values: unknown[]) => Promise<any[]>} */
  const run = async (name, text, values) => (await pool.query({ name, text, values })).rows;
  return {
    addUser: (user) =>
      run('add_user', 'insert into users values ($1, $2, $3, $4, $5)', [
        user.id,
        user.email,
        JSON.stringify(user.roles),
        user.passwordHash,
        user.createdAt,
      ]),
    findUser: async (email) =>
      toUser((await run('find_user', 'select * from users where email = $1', [email]))[0]),
    replaceHash: (id, hash) =>
      run('replace_hash', 'update users set password_hash = $1 where id = $2', [hash, id]),
    addSession: ({ id, userId, seed, now, expiresAt, ip, userAgent }) =>
      run(
        'add_session',
        `insert into sessions
         (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at, ip, user_agent)
         values ($1, $2, 'body', $3, 0, $4, $4, $5, $6, $7)`,
        [id, userId, seed, now, expiresAt, ip, userAgent],
      ),
    async advance({ id, generation, now, idleLife, fullLife }) {
      const [row] = await run(
        'advance',
        `update sessions
         set generation = generation + 1, rotated_at = $1,
             expires_at = least($2::bigint, sessions.created_at + $3::bigint)
         from users
         where sessions.id = $4 and generation = $5 and ended_at is null and expires_at > $1
           and users.id = sessions.user_id
         returning generation, sessions.created_at as started_at, users.*`,
        [now, now + idleLife, fullLife, id, generation],
      );
      const user = toUser(row);
      return user && { generation: row.generation, createdAt: Number(row.started_at), user };
    },
    end: (id, now) =>
      run('end', 'update sessions set ended_at = $1 where id = $2 and ended_at is null', [now, id]),
    isAlive: async (id, now) =>
      (
        await run(
          'alive',
          'select 1 from sessions where id = $1 and ended_at is null and expires_at > $2',
          [id, now],
        )
      ).length > 0,
  };
}

/**
 * @param {any} row
 * @returns {User | undefined}
 */
function toUser(row) {
  return (
    row && {
      id: row.id,
      email: row.email,
      passwordHash: row.password_hash,
      roles: JSON.parse(row.roles),
      createdAt: Number(row.created_at),
    }
  );
}
