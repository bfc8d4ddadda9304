import { clearTimeout, setTimeout } from 'node:timers';
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Database } from './database.js';

/** Milliseconds between two rounds, less up to a fifth at random, so that nodes don't sweep together. */
const PAUSE = 60_000;

/** @returns how many rows it removed. Should do little at a time: the next round goes on. */
export type SweepJob = () => Promise<number>;

/** Removes what has run out, bit by bit. Features register what they want removed. */
@Injectable()
export class Sweeper implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger('Sweeper');
  readonly #jobs = new Map<string, SweepJob>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  /** @param name for the log; a second job of the same name replaces the first. */
  register(name: string, job: SweepJob): void {
    this.#jobs.set(name, job);
  }

  onModuleInit(): void {
    this.#schedule();
  }

  /** Waits for a round that is under way: the database closes next. */
  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  /**
   * One round. A job that fails is logged and does not keep the others from theirs. At its end nothing of what was
   * removed, by a job or by a request, is left in SQLite's log.
   */
  async sweep(): Promise<void> {
    for (const [name, job] of this.#jobs) {
      await this.#attempt(name, async () => {
        const removed = await job();
        if (removed > 0) this.#logger.debug(`${name}: removed ${removed}`);
      });
    }
    await this.#attempt('write-ahead log', () => this.database.emptyLog());
  }

  async #attempt(name: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#logger.warn(`${name}: ${error instanceof Error ? error.message : 'failed'}`);
    }
  }

  #schedule(): void {
    const pause = PAUSE * (1 - Math.random() / 5);
    this.#timer = setTimeout(() => {
      this.#running = this.sweep().finally(() => {
        if (this.#timer !== undefined) this.#schedule();
      });
    }, pause);
    this.#timer.unref();
  }
}
