import { Injectable } from '@nestjs/common';
import type { Read } from '../database/schema.js';
import { STATUS_INDEX } from '../sessions/session.repository.js';

/** What the status lists read of the database. */
@Injectable()
export class StatusListRepository {
  /** The status indexes of the sessions that ended at this time or later (ms). */
  async endedSince(db: Read, time: number): Promise<number[]> {
    const rows = await db
      .selectFrom('sessions')
      .select('status_index')
      .where('ended_at', '>=', time)
      .where('status_index', 'is not', null)
      .$narrowType<{ status_index: number }>()
      .execute();
    return rows.map((row) => row.status_index);
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
