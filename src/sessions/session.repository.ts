import { Injectable } from '@nestjs/common';
import { type Selectable, sql } from 'kysely';
import type { Transport } from '../contract/responses.js';
import { databaseTime } from '../database/database-time.js';
import { ListQuery } from '../database/list-query.js';
import type { Read, SessionsTable, Write } from '../database/schema.js';
import type { EndReason } from '../events.js';
import { type Advance, advances } from './advance.js';
import { CUT_OFF_AT, NOT_CUT_OFF } from './cut-off.repository.js';

/** What a session's tokens are made from and judged by. Times are milliseconds since the epoch. */
export interface Session {
  id: string;
  userId: string;
  transport: Transport;
  seed: string;
  generation: number;
  createdAt: number;
  rotatedAt: number;
  expiresAt: number;
  retryKey: string | null;
  endedAt: number | null;
  /** Its place, counted through all status lists; null for a session from before there were any. */
  statusIndex: number | null;
}

/** A session with all that is kept of it. */
export interface SessionRow extends Session {
  ip: string | null;
  userAgent: string | null;
  endReason: string | null;
}

/** A session as it was read, and when: milliseconds by the database's own clock. */
export interface FoundSession extends Session {
  readAt: number;
}

export const SESSION_COLUMNS = [
  'id',
  'user_id',
  'transport',
  'seed',
  'generation',
  'created_at',
  'rotated_at',
  'expires_at',
  'retry_key',
  'ended_at',
  'status_index',
] as const;

export type SessionColumns = Pick<Selectable<SessionsTable>, (typeof SESSION_COLUMNS)[number]>;

/** The counter of the places in status lists. */
export const STATUS_INDEX = 'status_index';

/** The statements on `sessions`. */
@Injectable()
export class SessionRepository {
  readonly #byIds = new ListQuery<
    string,
    SessionColumns & { cut_off_at: number | null; read_at: number }
  >(
    (db, ids) =>
      db
        .selectFrom('sessions')
        .select(SESSION_COLUMNS)
        .select([CUT_OFF_AT.as('cut_off_at'), databaseTime(db).as('read_at')])
        .where('id', 'in', ids)
        .compile(),
    (id) => [id],
  );
  readonly #live = new ListQuery<string, { id: string; user_id: string }>(
    (db, ids, [now]) =>
      db
        .selectFrom('sessions')
        .select(['id', 'user_id'])
        .where('id', 'in', ids)
        .where('ended_at', 'is', null)
        .where('expires_at', '>', Number(now))
        .where(NOT_CUT_OFF)
        .compile(),
    (id) => [id],
  );
  readonly #advances = advances();

  /** Begins in the user's epoch of this moment: a cut-off that commits meanwhile ends it, too. */
  async insert(db: Read, row: SessionRow): Promise<void> {
    await db
      .insertInto('sessions')
      .values((from) => ({
        id: row.id,
        user_id: row.userId,
        transport: row.transport,
        seed: row.seed,
        generation: row.generation,
        created_at: row.createdAt,
        rotated_at: row.rotatedAt,
        expires_at: row.expiresAt,
        retry_key: row.retryKey,
        ip: row.ip,
        user_agent: row.userAgent,
        ended_at: row.endedAt,
        end_reason: row.endReason,
        status_index: row.statusIndex,
        epoch: from.selectFrom('session_epochs').select('epoch').where('user_id', '=', row.userId),
      }))
      .execute();
  }

  async findMany(db: Read, ids: readonly string[]): Promise<ReadonlyMap<string, FoundSession>> {
    const rows = await this.#byIds.run(db, ids);
    return new Map(rows.map((row) => [row.id, found(row)]));
  }

  /** @returns those of the sessions that are live, and whose they are. */
  async findLive(
    db: Read,
    ids: readonly string[],
    now: number,
  ): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#live.run(db, ids, now);
    return new Map(rows.map((row) => [row.id, row.user_id]));
  }

  /**
   * The one compare-and-set of a renewal: moves live sessions from exactly these generations to the next.
   *
   * @param changes of distinct sessions.
   * @returns the ids of those that moved. One is missing when it was not at that generation any more, had
   * ended, or had expired; nothing of it is changed then.
   */
  async advance(db: Read, changes: readonly Advance[]): Promise<ReadonlySet<string>> {
    const rows = await this.#advances.run(db, changes);
    return new Set(rows.map((row) => row.id));
  }

  /** @returns whether the session was live. */
  async end(
    db: Read,
    id: string,
    userId: string,
    now: number,
    reason: EndReason,
  ): Promise<boolean> {
    const result = await db
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: reason })
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where(NOT_CUT_OFF)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /**
   * Carries a live session over into the epoch that has just begun, so that the cut-off spares it.
   *
   * @param renewal what a session gets that goes on with another seed: no copy of an earlier token is good then.
   * @returns the session, or undefined if it was over.
   */
  async keep(
    trx: Write,
    session: { id: string; userId: string },
    epoch: number,
    now: number,
    renewal?: { seed: string; expiresAt: number },
  ): Promise<Session | undefined> {
    const row = await trx
      .updateTable('sessions')
      .set({ epoch })
      .$if(renewal !== undefined, (query) =>
        query.set({
          seed: renewal?.seed ?? '',
          generation: sql<number>`generation + 1`,
          rotated_at: now,
          expires_at: renewal?.expiresAt ?? 0,
          retry_key: null,
        }),
      )
      .where('id', '=', session.id)
      .where('user_id', '=', session.userId)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where(sql`coalesce(epoch, 0)`, '>=', epoch - 1)
      .returning(SESSION_COLUMNS)
      .executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }

  /** @returns up to which index, exclusive, they are given away now; the last `count` are the caller's. */
  async reserveStatusIndexes(db: Read, count: number): Promise<number> {
    const { value } = await db
      .insertInto('counters')
      .values({ name: STATUS_INDEX, value: count })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ value: sql<number>`counters.value + excluded.value` }),
      )
      .returning('value')
      .executeTakeFirstOrThrow();
    return value;
  }

  /** Gives a session a status index, unless it has one. @returns undefined when it is gone. */
  async giveStatusIndex(db: Read, id: string, index: number): Promise<Session | undefined> {
    const row = await db
      .updateTable('sessions')
      .set({ status_index: sql<number>`coalesce(status_index, ${index})` })
      .where('id', '=', id)
      .returning(SESSION_COLUMNS)
      .executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }
}

function found(row: SessionColumns & { cut_off_at: number | null; read_at: number }): FoundSession {
  const session = fromTable(row);
  return { ...session, endedAt: session.endedAt ?? row.cut_off_at, readAt: row.read_at };
}

export function fromTable(row: SessionColumns): Session {
  return {
    id: row.id,
    userId: row.user_id,
    transport: row.transport === 'cookie' ? 'cookie' : 'body',
    seed: row.seed,
    generation: row.generation,
    createdAt: row.created_at,
    rotatedAt: row.rotated_at,
    expiresAt: row.expires_at,
    retryKey: row.retry_key,
    endedAt: row.ended_at,
    statusIndex: row.status_index,
  };
}
