import { type Kysely, type RawBuilder, sql } from 'kysely';
import { dialectOf } from './dialect.js';

/**
 * A text compared by its bytes: only in that order an index tells what begins with something. It is SQLite's
 * own; PostgreSQL is asked for it.
 */
export function inByteOrder(
  db: Pick<Kysely<unknown>, 'getExecutor'>,
  text: RawBuilder<unknown>,
): RawBuilder<string> {
  return dialectOf(db) === 'sqlite' ? sql`${text}` : sql`${text} collate "C"`;
}
