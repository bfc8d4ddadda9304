import type { Kysely, Migration } from 'kysely';

/**
 * Each session gets a bit of a status list. Those that are there get theirs at their next renewal, so that
 * nothing has to be written here while other nodes are at work.
 *
 * The index holds ended sessions only: a renewal touches neither its column nor its condition, so that it
 * stays a heap-only update on PostgreSQL.
 */
export function statusList(): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema.alterTable('sessions').addColumn('status_index', 'bigint').execute();
      await db.schema
        .createIndex('sessions_by_end')
        .on('sessions')
        .column('ended_at')
        .where('ended_at', 'is not', null)
        .execute();
      await db.schema
        .createTable('counters')
        .addColumn('name', 'text', (column) => column.primaryKey().notNull())
        .addColumn('value', 'bigint', (column) => column.notNull())
        .execute();
    },
  };
}
