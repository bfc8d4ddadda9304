import { type Kysely, Migrator, sql } from 'kysely';
import type { Dialect } from './dialect.js';
import { migrations } from './migrations/index.js';
import type { Schema } from './schema.js';

/** @param schema where the tables are, if not where the search path leads. It is made if it is missing. */
function migrator(db: Kysely<Schema>, dialect: Dialect, schema: string | undefined): Migrator {
  const getMigrations = () => Promise.resolve(migrations(dialect));
  const place = schema === undefined ? {} : { migrationTableSchema: schema };
  return new Migrator({ db, provider: { getMigrations }, ...place });
}

/** Whether there is something to apply. */
export async function isBehind(
  db: Kysely<Schema>,
  dialect: Dialect,
  schema?: string,
): Promise<boolean> {
  const known = await migrator(db, dialect, schema).getMigrations();
  return known.some(({ executedAt }) => executedAt === undefined);
}

/** @returns the names of the migrations that were applied. */
export async function migrate(
  db: Kysely<Schema>,
  dialect: Dialect,
  schema?: string,
): Promise<string[]> {
  if (dialect === 'sqlite') return applyAll(db, dialect, schema);
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(hashtext('latchkey:migrate'))`.execute(connection);
    try {
      return await applyAll(db, dialect, schema);
    } finally {
      await sql`select pg_advisory_unlock(hashtext('latchkey:migrate'))`.execute(connection);
    }
  });
}

async function applyAll(
  db: Kysely<Schema>,
  dialect: Dialect,
  schema: string | undefined,
): Promise<string[]> {
  const { error, results } = await migrator(db, dialect, schema).migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map((result) => result.migrationName);
}
