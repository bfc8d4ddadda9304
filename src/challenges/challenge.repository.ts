import { Injectable } from '@nestjs/common';
import { type Selectable, sql } from 'kysely';
import type { ChallengesTable, Read } from '../database/schema.js';

/** Something asked of somebody that must come back once. Times are milliseconds since the epoch. */
export interface Challenge {
  id: string;
  purpose: string;
  /** null until the account has been looked up. */
  userId: string | null;
  /** Digest of what it is bound to. A change of that voids it; the purpose compares it. */
  binding: string | null;
  /** Whatever the purpose needs to go on. Never a secret. */
  data: unknown;
  /** How many codes or answers have been tried. */
  attempts: number;
  createdAt: number;
  expiresAt: number;
  /** null while it is open. */
  takenAt: number | null;
}

const COLUMNS = [
  'id',
  'purpose',
  'user_id',
  'binding',
  'data',
  'attempts',
  'created_at',
  'expires_at',
  'taken_at',
] as const;

/** The statements on `challenges`. */
@Injectable()
export class ChallengeRepository {
  async insert(db: Read, challenge: Challenge): Promise<void> {
    await db
      .insertInto('challenges')
      .values({
        id: challenge.id,
        purpose: challenge.purpose,
        user_id: challenge.userId,
        binding: challenge.binding,
        data: challenge.data === null ? null : JSON.stringify(challenge.data),
        attempts: challenge.attempts,
        created_at: challenge.createdAt,
        expires_at: challenge.expiresAt,
        taken_at: challenge.takenAt,
      })
      .execute();
  }

  async find(db: Read, purpose: string, id: string): Promise<Challenge | undefined> {
    const row = await db
      .selectFrom('challenges')
      .select(COLUMNS)
      .where('id', '=', id)
      .where('purpose', '=', purpose)
      .executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }

  /**
   * Counts one attempt at an open challenge.
   *
   * @returns it, or undefined when there is no such open challenge or its attempts are used up.
   */
  async countAttempt(
    db: Read,
    purpose: string,
    id: string,
    now: number,
    maxAttempts: number,
  ): Promise<Challenge | undefined> {
    const row = await db
      .updateTable('challenges')
      .set({ attempts: sql<number>`attempts + 1` })
      .where('id', '=', id)
      .where('purpose', '=', purpose)
      .where('attempts', '<', maxAttempts)
      .where('taken_at', 'is', null)
      .where('expires_at', '>', now)
      .returning(COLUMNS)
      .executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }

  /** Gives an attempt back whose answer was right but whose effect failed. */
  async uncountAttempt(db: Read, id: string): Promise<void> {
    await db
      .updateTable('challenges')
      .set({ attempts: sql<number>`attempts - 1` })
      .where('id', '=', id)
      .where('attempts', '>', 0)
      .execute();
  }

  /** The one compare-and-set of a challenge. @returns whether it was open and is now taken. */
  async take(db: Read, purpose: string, id: string, now: number): Promise<boolean> {
    const result = await db
      .updateTable('challenges')
      .set({ taken_at: now })
      .where('id', '=', id)
      .where('purpose', '=', purpose)
      .where('taken_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** Names the account of a challenge that was opened without one. @returns false if it has one. */
  async assign(db: Read, id: string, userId: string, binding: string | null): Promise<boolean> {
    const result = await db
      .updateTable('challenges')
      .set({ user_id: userId, binding })
      .where('id', '=', id)
      .where('user_id', 'is', null)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /**
   * Removes open challenges of one account and purpose, oldest first.
   *
   * @returns how many; fewer than `limit` means that none is left.
   */
  async removeOpen(db: Read, purpose: string, userId: string, limit: number): Promise<number> {
    const result = await db
      .deleteFrom('challenges')
      .where('id', 'in', (from) =>
        from
          .selectFrom('challenges')
          .select('id')
          .where('user_id', '=', userId)
          .where('purpose', '=', purpose)
          .where('taken_at', 'is', null)
          .orderBy('id')
          .limit(limit),
      )
      .executeTakeFirst();
    return Number(result.numDeletedRows);
  }

  /** Removes what expired before a time. @returns how many rows, at most `limit`. */
  async removeExpired(db: Read, before: number, limit: number): Promise<number> {
    const result = await db
      .deleteFrom('challenges')
      .where('id', 'in', (from) =>
        from
          .selectFrom('challenges')
          .select('id')
          .where('expires_at', '<', before)
          .orderBy('expires_at')
          .limit(limit),
      )
      .executeTakeFirst();
    return Number(result.numDeletedRows);
  }
}

function fromTable(row: Selectable<ChallengesTable>): Challenge {
  return {
    id: row.id,
    purpose: row.purpose,
    userId: row.user_id,
    binding: row.binding,
    data: row.data === null ? null : JSON.parse(row.data),
    attempts: row.attempts,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    takenAt: row.taken_at,
  };
}
