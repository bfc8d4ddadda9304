import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import type { Write } from '../database/schema.js';
import { type EndReason, LatchkeyEvents } from '../events.js';
import { type CutOff, CutOffRepository } from './cut-off.repository.js';

/** Rows that end in the transaction of the cut-off itself: all of nearly every account. */
const FIRST_CHUNK_SIZE = 500;
/** Rows of each later step. Small, because renewals wait for it on SQLite. */
const CHUNK_SIZE = 200;
/** Between two steps, for what others want to write. */
const PAUSE_MS = 5;
const FOLLOW_INTERVAL_MS = 5_000;
const MAX_FOLLOWED = 20;

/**
 * Ends all sessions of a user at once, whatever their number: a session is over as soon as its user's epoch is
 * later than its own. The rows follow in chunks, on any node, whatever crashes.
 */
@Injectable()
export class SessionCutOff {
  readonly #logger = new Logger('Sessions');
  readonly #finishing = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(
    private readonly database: Database,
    private readonly rows: CutOffRepository,
    private readonly clock: Clock,
    private readonly events: LatchkeyEvents,
  ) {}

  /** Begins the next epoch in the caller's transaction. A session that goes on needs it (`SessionRepository.keep`). */
  begin(trx: Write, userId: string, reason: EndReason): Promise<CutOff> {
    return this.rows.advance(trx, userId, reason, this.clock.now());
  }

  /** Ends the first rows in the caller's transaction. @returns how many, and whether those were all. */
  async endFirst(trx: Write, cutOff: CutOff): Promise<{ count: number; isDone: boolean }> {
    const count = await this.rows.endSome(trx, cutOff, this.clock.now(), FIRST_CHUNK_SIZE);
    const isDone = count < FIRST_CHUNK_SIZE;
    if (isDone) await this.rows.finish(trx, cutOff);
    return { count, isDone };
  }

  /** Ends the rows that are left, without anybody waiting for it. */
  finishSoon(cutOff: CutOff): void {
    void this.#finishOnce(cutOff).catch((error: unknown) => {
      this.#logger.warn(`ended sessions keep their rows for now: ${reasonOf(error)}`);
    });
  }

  /** Looks for what other nodes, the command line or a crash have left. */
  start(): void {
    this.#timer = setInterval(() => this.#follow(), FOLLOW_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Waits for the chunk that is under way: the database closes next. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    await Promise.allSettled(this.#finishing.values());
  }

  /** Ends all rows that are left, of any user. */
  async finishPending(): Promise<void> {
    const pending = await this.database.read((db) => this.rows.pending(db, MAX_FOLLOWED));
    for (const cutOff of pending) await this.#finishOnce(cutOff);
  }

  #follow(): void {
    void this.finishPending().catch((error: unknown) => {
      this.#logger.debug(`ended sessions keep their rows for now: ${reasonOf(error)}`);
    });
  }

  #finishOnce(cutOff: CutOff): Promise<void> {
    const key = JSON.stringify([cutOff.userId, cutOff.epoch]);
    const running = this.#finishing.get(key);
    if (running !== undefined) return running;
    const finishing = this.#finish(cutOff).finally(() => this.#finishing.delete(key));
    this.#finishing.set(key, finishing);
    return finishing;
  }

  async #finish(cutOff: CutOff): Promise<void> {
    while (!this.#isStopping) {
      const count = await this.database.write((db) =>
        this.rows.endSome(db, cutOff, this.clock.now(), CHUNK_SIZE),
      );
      this.#emit(cutOff, count);
      if (count < CHUNK_SIZE) {
        await this.database.write((db) => this.rows.finish(db, cutOff));
        break;
      }
      await pause(PAUSE_MS);
    }
  }

  #emit({ userId, reason }: CutOff, count: number): void {
    if (count > 0) this.events.tell('sessionsEnded', { userId, reason, count });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
