import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { padded } from '../database/batch.js';
import type { Read } from '../database/schema.js';

/** The statements that go through the whole of `sessions`, in the order of ids, a piece at a time. */
@Injectable()
export class SessionUpkeepRepository {
  /**
   * Counts the live sessions among the next `size` rows after the id `after`.
   *
   * @returns also the id of the last of these rows; undefined at the end of the table.
   */
  async countLive(
    db: Read,
    now: number,
    after: string,
    size: number,
  ): Promise<{ live: number; last: string | undefined }> {
    const rows = db
      .selectFrom('sessions')
      .select(['id', 'ended_at', 'expires_at'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(size);
    const isLive = sql<boolean>`ended_at is null and expires_at > ${now}`;
    const row = await db
      .selectFrom(rows.as('stretch'))
      .select((from) => from.fn.countAll<number>().filterWhere(isLive).as('live'))
      .select(sql<string | null>`max(cast(id as text))`.as('last'))
      .executeTakeFirstOrThrow();
    return { live: Number(row.live), last: row.last ?? undefined };
  }

  /** The next stretch of ids after `after`, each with whether nothing can refer to it any more. */
  async stretch(
    db: Read,
    after: string,
    deadBefore: number,
    size: number,
  ): Promise<{ id: string; dead: boolean }[]> {
    const rows = await db
      .selectFrom('sessions')
      .select(['id', 'expires_at', 'ended_at'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(size)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      dead: Math.min(row.expires_at, row.ended_at ?? row.expires_at) < deadBefore,
    }));
  }

  async remove(db: Read, ids: readonly string[]): Promise<void> {
    await db.deleteFrom('sessions').where('id', 'in', padded(ids)).execute();
  }
}
