import { type Migration, sql } from 'kysely';
import type { Dialect } from '../dialect.js';

/**
 * On PostgreSQL sessions get ids of its own type, of 16 bytes instead of 37, in the index too, and more of each
 * page is kept free: enough for the next versions of neighbours that are renewed at once. Writes the table anew.
 */
export function sessionUuids(dialect: Dialect): Migration {
  return {
    async up(db) {
      if (dialect === 'sqlite') return;
      await sql`alter table sessions set (fillfactor = 72)`.execute(db);
      await sql`alter table sessions alter column id type uuid using id::uuid`.execute(db);
    },
  };
}
