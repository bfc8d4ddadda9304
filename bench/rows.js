import { createHash, randomBytes } from 'node:crypto';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

/**
 * Adds sessions of users nobody knows until the table has `total`. Their ids lie between those that are
 * there, so that the ones a benchmark drives are spread over the whole table.
 *
 * @param {string} databaseUrl `sqlite:<file>`
 * @param {number} total
 */
export function fillUp(databaseUrl, total) {
  const database = new BetterSqlite3(databaseUrl.slice('sqlite:'.length), { timeout: 5_000 });
  const { count, first, last } = /** @type {any} */ (
    database
      .prepare(
        'select count(*) as count, min(created_at) as first, max(created_at) as last from sessions',
      )
      .get()
  );
  const insert = database.prepare(`insert into sessions
    (id, user_id, transport, seed, generation, created_at, rotated_at, expires_at, ip, user_agent)
    values (?, ?, 'body', ?, ?, ?, ?, ?, '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0')`);
  const some = database.transaction((/** @type {number} */ size) => {
    for (let row = 0; row < size; row += 1) {
      const time = first + Math.floor(Math.random() * (last - first + 1));
      const seed = randomBytes(16).toString('base64url');
      const generation = Math.floor(Math.random() * 50);
      insert.run(uuid7(time), uuid7(time), seed, generation, time, time, time + 30 * 86_400_000);
    }
  });
  for (let left = total - count; left > 0; left -= 5_000) some(Math.min(left, 5_000));
  database.close();
}

/** @param {number} time milliseconds */
function uuid7(time) {
  const hex = time.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Table and indexes, as they lie there; nothing is vacuumed for it. @param {string} databaseUrl @returns {Promise<{ bytes: number, count: number }>} */
export async function sessionBytes(databaseUrl) {
  if (databaseUrl.startsWith('postgres:')) {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query(
      `select pg_total_relation_size('sessions') as bytes, count(*) as count from sessions`,
    );
    await client.end();
    return { bytes: Number(rows[0].bytes), count: Number(rows[0].count) };
  }
  const database = new BetterSqlite3(databaseUrl.slice('sqlite:'.length), { readonly: true });
  const { bytes } = /** @type {any} */ (
    database
      .prepare(
        `select sum(pgsize) as bytes from dbstat where name in
         (select name from sqlite_master where tbl_name = 'sessions')`,
      )
      .get()
  );
  const { count } = /** @type {any} */ (
    database.prepare('select count(*) as count from sessions').get()
  );
  database.close();
  return { bytes, count };
}

/**
 * Adds sessions with a place in the status lists, to a table without any.
 *
 * @param {string} databaseUrl
 * @param {number} total
 * @param {number} every one in so many has ended in the last five minutes
 */
export async function addLiveSessions(databaseUrl, total, every) {
  const now = Date.now();
  /** @type {(id: string, number: string, random: string) => string} */
  const row = (id, number, random) => `select ${id}, 'somebody', 'body', 'sixteen random bytes.', 3,
    ${now} - 60000000, ${now} - 600000, ${now} + 2000000000, '203.0.113.7', 'a browser',
    case when ${random} % ${every} = 0 then ${now} - ${random} % 300000 end, ${number}`;
  const into = `insert into sessions (id, user_id, transport, seed, generation, created_at, rotated_at,
    expires_at, ip, user_agent, ended_at, status_index)`;
  const counter = `insert into counters (name, value) values ('status_index', ${total})`;
  if (databaseUrl.startsWith('postgres:')) {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const numbers = `(select n, (random() * 1e9)::bigint as r from generate_series(0, ${total - 1}) n) t`;
    await client.query(`${into} ${row('md5(n::text)::uuid', 'n', 'r')} from ${numbers}`);
    await client.query(counter);
    await client.query('analyze sessions');
    await client.end();
    return;
  }
  const database = new BetterSqlite3(databaseUrl.slice('sqlite:'.length), { timeout: 5_000 });
  const numbers = `with recursive n(n, r) as (select 0, abs(random() % 1000000000)
    union all select n + 1, abs(random() % 1000000000) from n where n < ${total - 1})`;
  const id = `printf('%08x-0000-7000-8000-%012x', n * 2654435761 % 4294967296, n)`;
  database.exec(`${into} ${numbers} ${row(id, 'n', 'r')} from n`);
  database.exec(counter);
  database.close();
}

/**
 * A service client, as the command line makes it.
 *
 * @param {string} databaseUrl `sqlite:<file>`
 * @returns {{ id: string, secret: string }}
 */
export function addClient(databaseUrl) {
  const secret = randomBytes(32).toString('base64url');
  const database = new BetterSqlite3(databaseUrl.slice('sqlite:'.length), { timeout: 5_000 });
  database
    .prepare(
      `insert into clients (id, registration, secret_hash, scopes, audience, created_at)
       values ('bench', ?, ?, '[]', '[]', ?)`,
    )
    .run(
      randomBytes(9).toString('base64url'),
      createHash('sha256').update(secret).digest('hex'),
      Date.now(),
    );
  database.close();
  return { id: 'bench', secret };
}

/** Ends one of the sessions that `addLiveSessions` made. @param {string} databaseUrl `sqlite:<file>` */
export function endOneSession(databaseUrl) {
  const database = new BetterSqlite3(databaseUrl.slice('sqlite:'.length), { timeout: 5_000 });
  database
    .prepare(
      `update sessions set ended_at = ? where id =
       (select id from sessions where ended_at is null and generation = 3 limit 1)`,
    )
    .run(Date.now());
  database.close();
}
