import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { Read } from '../database/schema.js';
import { STATUS_INDEX } from '../sessions/session.repository.js';

/** A place in the order in which sessions end. */
export interface SessionEnd {
  /** Milliseconds since the epoch. */
  endedAt: number;
  id: string;
}

export interface EndedSession extends SessionEnd {
  statusIndex: number;
}

/** What the status lists read of the database. */
@Injectable()
export class StatusListRepository {
  /**
   * Sessions that ended at `since` (ms) or later, the latest first, from behind `before` on.
   *
   * @returns `most` at most; fewer are all there are.
   */
  async ended(db: Read, since: number, before: SessionEnd, most: number): Promise<EndedSession[]> {
    const rows = await db
      .selectFrom('sessions')
      .select(['id', 'ended_at', 'status_index'])
      .where('ended_at', '>=', since)
      .where(sql`(ended_at, id)`, '<', sql`(${before.endedAt}, ${before.id})`)
      .where('status_index', 'is not', null)
      .$narrowType<{ ended_at: number; status_index: number }>()
      .orderBy('ended_at', 'desc')
      .orderBy('id', 'desc')
      .limit(most)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      endedAt: row.ended_at,
      statusIndex: row.status_index,
    }));
  }

  /** How many status indexes have been given away. */
  async given(db: Read): Promise<number> {
    const row = await db
      .selectFrom('counters')
      .select('value')
      .where('name', '=', STATUS_INDEX)
      .executeTakeFirst();
    return row?.value ?? 0;
  }
}
