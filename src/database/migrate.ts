import { type Kysely, Migrator, sql } from 'kysely';
import type { Dialect } from './dialect.js';
import { migrations } from './migrations/index.js';
import type { Schema } from './schema.js';

function migrator(db: Kysely<Schema>, dialect: Dialect): Migrator {
  const getMigrations = () => Promise.resolve(migrations(dialect));
  return new Migrator({ db, provider: { getMigrations } });
}

/** Whether there is something to apply. */
export async function isBehind(db: Kysely<Schema>, dialect: Dialect): Promise<boolean> {
  const known = await migrator(db, dialect).getMigrations();
  return known.some(({ executedAt }) => executedAt === undefined);
}

/** @returns the names of the migrations that were applied. */
export async function migrate(db: Kysely<Schema>, dialect: Dialect): Promise<string[]> {
  if (dialect === 'sqlite') return applyAll(db, dialect);
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(hashtext('latchkey:migrate'))`.execute(connection);
    try {
      return await applyAll(db, dialect);
    } finally {
      await sql`select pg_advisory_unlock(hashtext('latchkey:migrate'))`.execute(connection);
    }
  });
}

async function applyAll(db: Kysely<Schema>, dialect: Dialect): Promise<string[]> {
  const { error, results } = await migrator(db, dialect).migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map((result) => result.migrationName);
}
