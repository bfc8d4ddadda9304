import { type Kysely, type Migration, sql } from 'kysely';
import type { Dialect } from '../dialect.js';

/**
 * Indexes for whatever a request or the sweep would else read a whole table for.
 *
 * Users are found by how a text begins. That takes indexes in the order of bytes, which is SQLite's own;
 * PostgreSQL has it for columns of the collation `C`, and there lower-cases ASCII alone, as SQLite does.
 */
export function largeTables(dialect: Dialect): Migration {
  return {
    async up(db: Kysely<unknown>) {
      if (dialect === 'postgres') await sortByBytes(db, ['email', 'email_key', 'username', 'name']);
      await sql`create index users_by_email on users (lower(email))`.execute(db);
      await sql`create index users_by_name on users (lower(name))`.execute(db);
      await sql`create index users_admins on users (id) where roles like '%"admin"%'`.execute(db);
      await sql`create index attempts_by_end on attempts (expires_at)`.execute(db);
      await sql`create index revoked_tokens_by_end on revoked_tokens (expires_at)`.execute(db);
    },
  };
}

/** Writes the indexes of these columns anew, not the table. */
async function sortByBytes(db: Kysely<unknown>, columns: readonly string[]): Promise<void> {
  const changes = columns.map(
    (column) => sql`alter column ${sql.ref(column)} type text collate "C"`,
  );
  await sql`alter table users ${sql.join(changes)}`.execute(db);
}
