import { type Kysely, SqliteAdapter } from 'kysely';

/** The two databases that Latchkey speaks. */
export type Dialect = 'sqlite' | 'postgres';

/** For statements that must be written differently. */
export function dialectOf(db: Pick<Kysely<unknown>, 'getExecutor'>): Dialect {
  return db.getExecutor().adapter instanceof SqliteAdapter ? 'sqlite' : 'postgres';
}
