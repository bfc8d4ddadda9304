import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import type { Read } from '../database/schema.js';
import { Problem } from '../http/problem.js';

/** The sweep's bounds: rows of one statement, statements of one round. */
const AT_ONCE = 1_000;
const MOST_ROUNDS = 50;

/** So many attempts in so many seconds, counted for one subject. */
export interface Limit {
  /** What is counted, and about whom or what: `['sign-in', 'ada@example.com']`. Only a digest of the list is kept. */
  subject: Subject;
  most: number;
  seconds: number;
  /** Which attempts stay counted. Default: those that fail. */
  counts?: 'failures' | 'successes';
}

/** A kind, then its parts. A list, so that no part can be written to look like several. */
export type Subject = readonly [kind: string, ...parts: string[]];

/** An attempt that has been counted. */
export interface Attempt {
  /**
   * Seconds until the subject may try again, for each limit in the order given; 0: not exceeded. The first
   * one that is exceeded keeps the attempt from being counted by those after it.
   */
  waits: readonly number[];
  /** Takes the attempt back where failures are counted. */
  succeeded(): Promise<void>;
  /** Takes the attempt back where successes are counted. */
  failed(): Promise<void>;
  /** Takes the attempt back everywhere, because it never happened. */
  forgive(): Promise<void>;
}

/** @param wait seconds until the next attempt is allowed. */
export function rateLimited(wait: number): Problem {
  return new Problem('rate_limited', { headers: { 'Retry-After': `${wait}` } });
}

/** Makes the check that an attempt is for. One that can't take place, because too much is going on, is no attempt. */
export async function checked<Verdict>(
  attempt: Attempt,
  check: () => Promise<Verdict>,
): Promise<Verdict> {
  try {
    return await check();
  } catch (error) {
    await attempt.forgive();
    throw error;
  }
}

/**
 * Counts attempts in the database, so that all nodes count together. An attempt is counted before it is
 * made: parallel ones cannot slip through. `RATE_LIMIT=off` turns it off.
 */
@Injectable()
export class AttemptLimiter {
  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  async count(limits: readonly Limit[]): Promise<Attempt> {
    if (this.config.rateLimit === 'off') {
      const nothing = () => Promise.resolve();
      return { waits: limits.map(() => 0), succeeded: nothing, failed: nothing, forgive: nothing };
    }
    const now = this.clock.now();
    const rows = await this.database.transaction((trx) => this.#countAll(trx, limits, now));
    const waits = limits.map((limit, index) => {
      const row = rows[index];
      if (row === undefined || row.count <= limit.most) return 0;
      return Math.max(1, Math.ceil((row.expires_at - now) / 1000));
    });
    const counted = limits.slice(0, rows.length);
    const [failures, successes] = [
      counted.filter(({ counts }) => counts !== 'successes'),
      counted.filter(({ counts }) => counts === 'successes'),
    ];
    return {
      waits,
      succeeded: () => this.#forgive(failures),
      failed: () => this.#forgive(successes),
      forgive: () => this.#forgive(counted),
    };
  }

  /** Removes the counters that have run out, a thousand at a time. @returns how many. */
  async sweep(): Promise<number> {
    let removed = 0;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const some = await this.#sweepSome();
      removed += some;
      if (some < AT_ONCE) break;
    }
    return removed;
  }

  async #sweepSome(): Promise<number> {
    const now = this.clock.now();
    const result = await this.database.write((db) =>
      db
        .deleteFrom('attempts')
        .where('id', 'in', (from) =>
          from.selectFrom('attempts').select('id').where('expires_at', '<', now).limit(AT_ONCE),
        )
        .executeTakeFirst(),
    );
    return Number(result.numDeletedRows);
  }

  /** Stops at the first limit that is exceeded: what is refused there must not use up the next. */
  async #countAll(trx: Read, limits: readonly Limit[], now: number) {
    const rows = [];
    for (const limit of limits) {
      const row = await countOne(trx, limit, now);
      rows.push(row);
      if (row !== undefined && row.count > limit.most) break;
    }
    return rows;
  }

  async #forgive(limits: readonly Limit[]): Promise<void> {
    if (limits.length === 0) return;
    await this.database.transaction(async (trx) => {
      for (const limit of limits) await uncountOne(trx, limit);
    });
  }
}

function countOne(trx: Read, limit: Limit, now: number) {
  const until = now + limit.seconds * 1000;
  return trx
    .insertInto('attempts')
    .values({ id: counterId(limit), count: 1, expires_at: until })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({
        count: sql<number>`case when attempts.expires_at <= ${now} then 1 else attempts.count + 1 end`,
        expires_at: sql<number>`case when attempts.expires_at <= ${now} then ${until} else attempts.expires_at end`,
      }),
    )
    .returning(['count', 'expires_at'])
    .executeTakeFirst();
}

function uncountOne(trx: Read, limit: Limit) {
  return trx
    .updateTable('attempts')
    .set({ count: sql<number>`count - 1` })
    .where('id', '=', counterId(limit))
    .where('count', '>', 0)
    .execute();
}

function counterId({ subject }: Pick<Limit, 'subject'>): string {
  return attemptId(subject);
}

/** The id of a counter's row. */
export function attemptId(subject: Subject): string {
  return createHash('sha256').update(JSON.stringify(subject)).digest('base64url').slice(0, 27);
}
