import { Injectable } from '@nestjs/common';
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
    const last = await db
      .selectFrom('sessions')
      .select('id')
      .where('id', '>', after)
      .orderBy('id')
      .offset(size - 1)
      .limit(1)
      .executeTakeFirst();
    const live = db
      .selectFrom('sessions')
      .select((from) => from.fn.countAll<number>().as('count'))
      .where('id', '>', after)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now);
    const within = last === undefined ? live : live.where('id', '<=', last.id);
    const { count } = await within.executeTakeFirstOrThrow();
    return { live: Number(count), last: last?.id };
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
