import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { Read, Write } from '../database/schema.js';
import { type EndReason, isEndReason } from '../events.js';

/** All sessions of a user that began before the current epoch are over. */
export interface CutOff {
  userId: string;
  epoch: number;
  reason: EndReason;
}

/** Whether a row of `sessions` is not over by a cut-off. Looked at in the statement that reads the session anyway. */
export const NOT_CUT_OFF = sql<boolean>`not exists (select 1 from session_epochs where session_epochs.user_id = sessions.user_id and session_epochs.epoch > coalesce(sessions.epoch, 0))`;

/** When a row of `sessions` ended by a cut-off (ms); null if it did not. */
export const CUT_OFF_AT = sql<
  number | null
>`(select session_epochs.ended_at from session_epochs where session_epochs.user_id = sessions.user_id and session_epochs.epoch > coalesce(sessions.epoch, 0))`;

/** The statements on `session_epochs`, and those that end what a cut-off has made over. */
@Injectable()
export class CutOffRepository {
  /**
   * Begins the user's next epoch: counts at once, for any number of sessions, when the transaction commits.
   * Parallel ones wait for each other here.
   */
  async advance(trx: Write, userId: string, reason: EndReason, now: number): Promise<CutOff> {
    const { epoch } = await trx
      .insertInto('session_epochs')
      .values({ user_id: userId, epoch: 1, reason, ended_at: now, pending: 1 })
      .onConflict((conflict) =>
        conflict.column('user_id').doUpdateSet({
          epoch: sql<number>`session_epochs.epoch + 1`,
          reason: sql<string>`excluded.reason`,
          ended_at: sql<number>`excluded.ended_at`,
          pending: 1,
        }),
      )
      .returning('epoch')
      .executeTakeFirstOrThrow();
    return { userId, epoch, reason };
  }

  /**
   * Ends the rows of some sessions that are over, those that began last first.
   *
   * @returns how many; fewer than `limit` means that none is left.
   */
  async endSome(db: Read, cutOff: CutOff, now: number, limit: number): Promise<number> {
    const result = await db
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: cutOff.reason })
      .where('id', 'in', (from) =>
        from
          .selectFrom('sessions')
          .select('id')
          .where('user_id', '=', cutOff.userId)
          .where('ended_at', 'is', null)
          .where(sql`coalesce(epoch, 0)`, '<', cutOff.epoch)
          .orderBy('id', 'desc')
          .limit(limit),
      )
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  }

  /** Notes that no row is left. Does nothing if a later epoch has begun. */
  async finish(db: Read, { userId, epoch }: CutOff): Promise<void> {
    await db
      .updateTable('session_epochs')
      .set({ pending: 0 })
      .where('user_id', '=', userId)
      .where('epoch', '=', epoch)
      .execute();
  }

  /** Some cut-offs that have rows left. */
  async pending(db: Read, limit: number): Promise<CutOff[]> {
    const rows = await db
      .selectFrom('session_epochs')
      .select(['user_id', 'epoch', 'reason'])
      .where(sql`pending`, '=', sql`1`)
      .orderBy('user_id')
      .limit(limit)
      .execute();
    return rows.map(({ user_id, epoch, reason }) => ({
      userId: user_id,
      epoch,
      reason: isEndReason(reason) ? reason : 'logout_all',
    }));
  }
}
