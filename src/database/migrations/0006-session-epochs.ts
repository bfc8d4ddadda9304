import { type Kysely, type Migration, sql } from 'kysely';

/**
 * All sessions of a user end by one row, whatever their number (decision 0013). Sessions from before have no epoch,
 * which counts as 0. The index of live sessions by user holds no column that a renewal changes, so that a renewal stays
 * a heap-only update on PostgreSQL.
 */
export function sessionEpochs(): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('session_epochs')
        .addColumn('user_id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('epoch', 'integer', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'bigint', (column) => column.notNull())
        .addColumn('pending', 'integer', (column) => column.notNull())
        .execute();
      await sql`create index session_epochs_pending on session_epochs (user_id) where pending = 1`.execute(
        db,
      );
      await db.schema.alterTable('sessions').addColumn('epoch', 'integer').execute();
      await sql`create index sessions_live_by_user on sessions (user_id, id) where ended_at is null`.execute(
        db,
      );
      await sql`drop index sessions_by_user`.execute(db);
    },
  };
}
