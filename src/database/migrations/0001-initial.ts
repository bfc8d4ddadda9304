import { type Kysely, type Migration, sql } from 'kysely';
import type { Dialect } from '../dialect.js';

/** Tables of the first release. */
export function initial(dialect: Dialect): Migration {
  return {
    async up(db) {
      await createUsers(db);
      await createSessions(db, dialect);
      await createKeys(db);
      await createAttempts(db);
    },
  };
}

async function createUsers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('email_key', 'text', (column) => column.notNull().unique())
    .addColumn('email_verified', 'integer', (column) => column.notNull())
    .addColumn('username', 'text', (column) => column.unique())
    .addColumn('name', 'text')
    .addColumn('roles', 'text', (column) => column.notNull())
    .addColumn('password_hash', 'text')
    .addColumn('disabled', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('users_by_age').on('users').columns(['created_at', 'id']).execute();
}

/*
 * `expires_at` has no index on purpose: it changes at every renewal, and an index on it would make
 * PostgreSQL write a new index entry each time (no heap-only update). The sweep walks the primary key.
 * For the same reason some of each page is kept free for the rows' next versions. Numbers come first,
 * because PostgreSQL aligns them: behind texts they would cost up to seven bytes each.
 */
async function createSessions(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('rotated_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('transport', 'text', (column) => column.notNull())
    .addColumn('seed', 'text', (column) => column.notNull())
    .addColumn('retry_key', 'text')
    .addColumn('ip', 'text')
    .addColumn('user_agent', 'text')
    .addColumn('end_reason', 'text')
    .modifyEnd(dialect === 'sqlite' ? sql`without rowid` : sql`with (fillfactor = 80)`)
    .execute();
  await db.schema.createIndex('sessions_by_user').on('sessions').column('user_id').execute();
}

async function createKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('keys')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('purpose', 'text', (column) => column.notNull())
    .addColumn('algorithm', 'text', (column) => column.notNull())
    .addColumn('wrapped', 'text', (column) => column.notNull())
    .addColumn('wrapped_by', 'text', (column) => column.notNull())
    .addColumn('public_jwk', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('signs_from', 'bigint', (column) => column.notNull())
    .execute();
}

async function createAttempts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('attempts')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('count', 'integer', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
}
