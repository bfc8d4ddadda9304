import type { Kysely, Migration } from 'kysely';
import type { Dialect } from '../dialect.js';

/** What is asked of somebody and must come back once, by its id, by account, and by when it expires. */
export function challenges(dialect: Dialect): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('challenges')
        .addColumn('id', dialect === 'sqlite' ? 'text' : 'uuid', (column) =>
          column.primaryKey().notNull(),
        )
        .addColumn('purpose', 'text', (column) => column.notNull())
        .addColumn('user_id', 'text')
        .addColumn('binding', 'text')
        .addColumn('data', 'text')
        .addColumn('attempts', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('taken_at', 'bigint')
        .execute();
      await db.schema
        .createIndex('challenges_by_user')
        .on('challenges')
        .columns(['user_id', 'purpose', 'id'])
        .where('user_id', 'is not', null)
        .execute();
      await db.schema
        .createIndex('challenges_by_expiry')
        .on('challenges')
        .column('expires_at')
        .execute();
    },
  };
}
