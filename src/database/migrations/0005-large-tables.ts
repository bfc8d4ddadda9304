import { type Kysely, type Migration, sql } from 'kysely';
import { inByteOrder } from '../byte-order.js';
import type { Dialect } from '../dialect.js';

/** What users are found by, and the names of its indexes. */
const SEARCHED = {
  users_by_email_key: 'email_key',
  users_by_email: 'lower(email)',
  users_by_username: 'username',
  users_by_name: 'lower(name)',
};
/** SQLite has these already: they are unique, and in the order of their bytes. */
const INDEXED_BY_SQLITE = new Set(['email_key', 'username']);

/**
 * Indexes for whatever a request or the sweep would else read a whole table for. On PostgreSQL `users` can be read
 * meanwhile; those whose tables sign-ins and renewals write come last. Without `analyze` it would not know what
 * the indexes of `lower(…)` hold until a tenth of the users has changed.
 */
export function largeTables(dialect: Dialect): Migration {
  return {
    async up(db: Kysely<unknown>) {
      for (const [index, searched] of Object.entries(SEARCHED)) {
        if (dialect === 'sqlite' && INDEXED_BY_SQLITE.has(searched)) continue;
        const text = inByteOrder(db, sql.raw(searched));
        await sql`create index ${sql.ref(index)} on users (${text})`.execute(db);
      }
      await sql`create index users_admins on users (id) where roles like '%"admin"%'`.execute(db);
      if (dialect === 'postgres') await sql`analyze users`.execute(db);
      await sql`create index revoked_tokens_by_end on revoked_tokens (expires_at)`.execute(db);
      await sql`create index attempts_by_end on attempts (expires_at)`.execute(db);
      if (dialect === 'postgres') await orderEndedSessions(db);
    },
  };
}

/** By id, too, as SQLite's index is: so that those of one instant can be read a piece at a time. */
async function orderEndedSessions(db: Kysely<unknown>): Promise<void> {
  await sql`create index sessions_in_order_of_end on sessions (ended_at, id) where ended_at is not null`.execute(
    db,
  );
  await sql`drop index sessions_by_end`.execute(db);
}
