import { sql } from 'kysely';
import { databaseTime } from '../database/database-time.js';
import { ListQuery } from '../database/list-query.js';
import type { Read } from '../database/schema.js';
import { uuidTypeOf } from '../database/uuid-type.js';
import { NOT_CUT_OFF } from './cut-off.repository.js';

/** One renewal that asks to be made. */
export interface Advance {
  id: string;
  /** The generation that must still be the current one. */
  generation: number;
  retryKey: string | null;
  /** Milliseconds. */
  now: number;
  /** When the session ends if it stays idle from now on. Milliseconds. */
  expiresAt: number;
  /**
   * Milliseconds by the database's own clock. By then the caller has been told that it failed, so a
   * statement that the database gets to only later must do nothing.
   */
  deadline: number;
}

/**
 * The one compare-and-set of a renewal, for several at once: moves live sessions from exactly these generations
 * to the next, and tells the ids of those that moved.
 */
export function advances(): ListQuery<Advance, { id: string }> {
  return new ListQuery(advancing, wantedValues);
}

/** Kysely has no builder for `update … from (values …)` that both databases read. */
function advancing(db: Read, changes: readonly Advance[]) {
  return sql<{ id: string }>`
    update sessions set
      generation = sessions.generation + 1,
      rotated_at = wanted.column4,
      expires_at = wanted.column5,
      retry_key = wanted.column3
    from (values ${sql.join(changes.map((each) => wantedRow(db, each)))}) as wanted
    where sessions.id = wanted.column1
      and sessions.generation = wanted.column2
      and sessions.ended_at is null
      and sessions.expires_at > wanted.column4
      and ${NOT_CUT_OFF}
      and ${databaseTime(db)} < wanted.column6
    returning sessions.id as id
  `.compile(db);
}

function wantedRow(db: Read, wanted: Advance) {
  const [id, generation, retryKey, now, expiresAt, deadline] = wantedValues(wanted);
  return sql`(cast(${id} as ${sql.raw(uuidTypeOf(db))}), cast(${generation} as integer), cast(${retryKey} as text), cast(${now} as bigint), cast(${expiresAt} as bigint), cast(${deadline} as bigint))`;
}

function wantedValues({ id, generation, retryKey, now, expiresAt, deadline }: Advance) {
  return [id, generation, retryKey, now, expiresAt, deadline];
}
