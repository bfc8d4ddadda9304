import { type RawBuilder, sql } from 'kysely';
import { dialectOf } from './dialect.js';
import type { Read } from './schema.js';

/** Milliseconds since the epoch by the database's own clock, at the moment the statement runs. */
export function databaseTime(db: Read): RawBuilder<number> {
  return dialectOf(db) === 'sqlite'
    ? sql<number>`cast(unixepoch('subsec') * 1000 as integer)`
    : sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`;
}
