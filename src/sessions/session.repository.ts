import { Injectable } from '@nestjs/common';
import { type Selectable, sql } from 'kysely';
import type { Transport } from '../contract/responses.js';
import { databaseTime } from '../database/database-time.js';
import { ListQuery } from '../database/list-query.js';
import type { Read, SessionsTable } from '../database/schema.js';
import type { EndReason } from '../events.js';
import { type Advance, advances } from './advance.js';

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

const COLUMNS = [
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
const ALL_COLUMNS = [...COLUMNS, 'ip', 'user_agent', 'end_reason'] as const;

type SessionColumns = Pick<Selectable<SessionsTable>, (typeof COLUMNS)[number]>;

/** The counter of the places in status lists. */
export const STATUS_INDEX = 'status_index';

/** The statements on `sessions`. */
@Injectable()
export class SessionRepository {
  readonly #byIds = new ListQuery<string, SessionColumns & { read_at: number }>(
    (db, ids) =>
      db
        .selectFrom('sessions')
        .select(COLUMNS)
        .select(databaseTime(db).as('read_at'))
        .where('id', 'in', ids)
        .compile(),
    (id) => [id],
  );
  readonly #live = new ListQuery<string, { id: string }>(
    (db, ids, [now]) =>
      db
        .selectFrom('sessions')
        .select('id')
        .where('id', 'in', ids)
        .where('ended_at', 'is', null)
        .where('expires_at', '>', Number(now))
        .compile(),
    (id) => [id],
  );
  readonly #advances = advances();

  async insert(db: Read, row: SessionRow): Promise<void> {
    await db
      .insertInto('sessions')
      .values({
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
      })
      .execute();
  }

  async findMany(db: Read, ids: readonly string[]): Promise<ReadonlyMap<string, FoundSession>> {
    const rows = await this.#byIds.run(db, ids);
    return new Map(rows.map((row) => [row.id, { ...fromTable(row), readAt: row.read_at }]));
  }

  /** @returns those of the sessions that are live. */
  async findLive(db: Read, ids: readonly string[], now: number): Promise<ReadonlySet<string>> {
    const rows = await this.#live.run(db, ids, now);
    return new Set(rows.map((row) => row.id));
  }

  /** Live sessions, the last used first. */
  async listLive(db: Read, userId: string, now: number): Promise<SessionRow[]> {
    const rows = await db
      .selectFrom('sessions')
      .select(ALL_COLUMNS)
      .where('user_id', '=', userId)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .orderBy('rotated_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1000)
      .execute();
    return rows.map((row) => {
      const { ip, user_agent: userAgent, end_reason: endReason } = row;
      return { ...fromTable(row), ip, userAgent, endReason };
    });
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
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** @returns how many were live. */
  async endAll(
    db: Read,
    userId: string,
    now: number,
    reason: EndReason,
    except?: string,
  ): Promise<number> {
    let query = db
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: reason })
      .where('user_id', '=', userId)
      .where('ended_at', 'is', null);
    if (except !== undefined) query = query.where('id', '!=', except);
    const result = await query.executeTakeFirst();
    return Number(result.numUpdatedRows);
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
      .returning(COLUMNS)
      .executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }
}

function fromTable(row: SessionColumns): Session {
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
