import { Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';
import { Clock } from '../contract/clock.js';
import { padded } from '../database/batch.js';
import { Database } from '../database/database.js';
import { attemptId, type Subject } from './attempt-limiter.js';

/** Failures in a row after which a password rests (SP 800-63B-4 §3.2.2). */
export const MAX_FAILURES = 100;
const REST_MS = 24 * 60 * 60 * 1000;
/** How long failures in a row are remembered: of accounts that there are, and of names that nobody has. */
const KEEP_MS = 90 * 24 * 60 * 60 * 1000;
const KEEP_UNKNOWN_MS = 60 * 60 * 1000;

const SUBJECT = 'failures in a row';

/** An attempt that has been counted. */
export interface CountedFailure {
  /** Whether the password rests, so that this attempt can't succeed. */
  rests: boolean;
  /** Until when it rests from now on, if this attempt fails (ms); undefined if it does not. */
  restsFrom: number | undefined;
}

/**
 * A password rests for 24 h after 100 failures in a row, or until an administrator unlocks it. Only a completed sign-in
 * resets the count. It is no rate limit: `RATE_LIMIT=off` does not lift it.
 */
@Injectable()
export class PasswordRests {
  readonly #logger = new Logger('Passwords');

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Counts an attempt as a failure before it is judged, so that parallel ones can't slip through.
   *
   * @param account id of a user, or the name that was tried, if nobody has it.
   */
  async count(account: string, isKnown: boolean): Promise<CountedFailure> {
    const now = this.clock.now();
    const keepUntil = now + (isKnown ? KEEP_MS : KEEP_UNKNOWN_MS);
    const restUntil = now + REST_MS;
    const isOver = sql<boolean>`attempts.expires_at <= ${now}`;
    const row = await this.database.write((db) =>
      db
        .insertInto('attempts')
        .values({ id: attemptId(subjectOf(account)), count: 1, expires_at: keepUntil })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({
            count: sql<number>`case when ${isOver} then 1 else attempts.count + 1 end`,
            expires_at: sql<number>`case when ${isOver} or attempts.count + 1 < ${MAX_FAILURES} then ${keepUntil} when attempts.count + 1 = ${MAX_FAILURES} then ${restUntil} else attempts.expires_at end`,
          }),
        )
        .returning(['count', 'expires_at'])
        .executeTakeFirst(),
    );
    const count = row?.count ?? 1;
    return {
      rests: count > MAX_FAILURES,
      restsFrom: count === MAX_FAILURES ? row?.expires_at : undefined,
    };
  }

  /** Says in the log since when and until when a password rests. */
  logRest(userId: string, until: number): void {
    const [since, end] = [this.clock.now(), until].map((time) => new Date(time).toISOString());
    this.#logger.warn(
      `${MAX_FAILURES} wrong passwords in a row: that of user ${userId} rests from ${since} until ${end}`,
    );
  }

  /** Takes an attempt back that was never made. */
  async uncount(account: string): Promise<void> {
    await this.database.write((db) =>
      db
        .updateTable('attempts')
        .set({ count: sql<number>`count - 1` })
        .where('id', '=', attemptId(subjectOf(account)))
        .where('count', '>', 0)
        .execute(),
    );
  }

  /** After a completed sign-in, and for administrators. @param also further counters that begin anew. */
  async reset(account: string, also: readonly Subject[] = []): Promise<void> {
    const ids = [subjectOf(account), ...also].map(attemptId);
    await this.database.write((db) =>
      db.deleteFrom('attempts').where('id', 'in', padded(ids)).execute(),
    );
  }

  /** Until when the passwords of these users rest (ms). Those that do not are not in it. */
  async until(userIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (userIds.length === 0) return new Map();
    const byRow = new Map(userIds.map((id) => [attemptId(subjectOf(id)), id]));
    const now = this.clock.now();
    const rows = await this.database.read((db) =>
      db
        .selectFrom('attempts')
        .select(['id', 'expires_at'])
        .where('id', 'in', padded([...byRow.keys()]))
        .where('count', '>=', MAX_FAILURES)
        .where('expires_at', '>', now)
        .execute(),
    );
    return new Map(rows.map((row) => [byRow.get(row.id) ?? '', row.expires_at]));
  }
}

function subjectOf(account: string): Subject {
  return [SUBJECT, account];
}
