import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import { padded } from '../database/batch.js';
import type { Read, SessionsTable } from '../database/schema.js';
import type { EndReason } from '../events.js';
import { NOT_CUT_OFF } from './cut-off.repository.js';
import { fromTable, SESSION_COLUMNS, type SessionRow } from './session.repository.js';

const COLUMNS = [...SESSION_COLUMNS, 'ip', 'user_agent', 'end_reason'] as const;

/** The statements on the live sessions of one user. */
@Injectable()
export class UserSessionsRepository {
  /**
   * A page of the live sessions of a user, those that began last first.
   *
   * @param page.before the last session of the page before.
   * @param page.except a session that is left out.
   */
  async listLive(
    db: Read,
    userId: string,
    now: number,
    page: { limit: number; before?: string | undefined; except?: string | undefined },
  ): Promise<SessionRow[]> {
    let query = this.#liveOf(db, userId, now).select(COLUMNS);
    if (page.before !== undefined) query = query.where('id', '<', page.before);
    if (page.except !== undefined) query = query.where('id', '!=', page.except);
    const rows = await query.orderBy('id', 'desc').limit(page.limit).execute();
    return rows.map(wholeFromTable);
  }

  /** @returns the session if it is live and the user's. */
  async findLiveOf(
    db: Read,
    userId: string,
    id: string,
    now: number,
  ): Promise<SessionRow | undefined> {
    const row = await this.#liveOf(db, userId, now)
      .select(COLUMNS)
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? undefined : wholeFromTable(row);
  }

  /** How many live sessions a user has, counted up to `limit`. */
  async countLive(db: Read, userId: string, now: number, limit: number): Promise<number> {
    const { count } = await db
      .selectFrom((from) => this.#liveOf(from, userId, now).select('id').limit(limit).as('live'))
      .select((from) => from.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /**
   * The live sessions of a user that were used longest ago.
   *
   * @param candidates how many are compared: those that began first.
   * @param except is never among them.
   */
  async findLeastRecentlyUsed(
    db: Read,
    userId: string,
    now: number,
    { candidates, limit, except }: { candidates: number; limit: number; except: string },
  ): Promise<string[]> {
    const rows = await db
      .selectFrom((from) =>
        this.#liveOf(from, userId, now)
          .select(['id', 'rotated_at'])
          .where('id', '!=', except)
          .orderBy('id')
          .limit(candidates)
          .as('oldest'),
      )
      .select('id')
      .orderBy('rotated_at')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(({ id }) => id);
  }

  /** Ends these sessions. @returns how many had not ended. */
  async endMany(db: Read, ids: readonly string[], now: number, reason: EndReason): Promise<number> {
    const result = await db
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: reason })
      .where('id', 'in', padded(ids))
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  }

  #liveOf(from: Pick<Read, 'selectFrom'>, userId: string, now: number) {
    return from
      .selectFrom('sessions')
      .where('user_id', '=', userId)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where(NOT_CUT_OFF);
  }
}

function wholeFromTable(row: Pick<Selectable<SessionsTable>, (typeof COLUMNS)[number]>) {
  const { ip, user_agent: userAgent, end_reason: endReason } = row;
  return { ...fromTable(row), ip, userAgent, endReason };
}
