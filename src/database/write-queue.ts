import { setImmediate } from 'node:timers';
import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import type { Schema } from './schema.js';
import { isStorageUnavailable, StorageUnavailableError } from './storage-error.js';

type Trx = Transaction<Schema>;

interface Job {
  /** Runs the caller's work. */
  run(trx: Trx): Promise<void>;
  /** Runs it inside a savepoint: if it fails, it alone is undone, and this does not reject. */
  runApart(trx: Trx): Promise<void>;
  /** Tells the caller how it ended, once the shared transaction is on disk. */
  settle(): void;
  /** Tells the caller that the shared transaction as a whole was lost. */
  abandon(error: unknown): void;
}

/**
 * Group commit for SQLite. With `synchronous=FULL` a commit costs a flush to disk whatever it holds, so
 * writes that wait in the same turn of the event loop share one transaction. Each of several has a savepoint
 * of its own: one that fails undoes only itself. Nobody is answered before the commit.
 */
export class WriteQueue {
  #waiting: Job[] = [];
  /** What must run while no transaction is open. None of it rejects. */
  #between: (() => Promise<void>)[] = [];
  #busy = false;
  #writing = false;
  #failed = false;

  /** @param patience milliseconds after which nobody waits for a job any more: it must not run then. */
  constructor(
    private readonly kysely: Kysely<Schema>,
    private readonly patience: number,
  ) {}

  add<Result>(work: (trx: Trx) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const late = performance.now() + this.patience;
      const timely = (trx: Trx) => {
        if (performance.now() > late) throw new StorageUnavailableError('nobody waits for it now');
        return work(trx);
      };
      this.#waiting.push(job(timely, resolve, reject));
      this.#schedule();
    });
  }

  /** Runs it while no transaction of the queue is open; the jobs wait. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => work().then(resolve, reject));
      this.#schedule();
    });
  }

  /** Whether a transaction is open, or waits for that of another process. */
  get isWriting(): boolean {
    return this.#writing;
  }

  /** Whether the last transaction failed because nothing can be written, until one succeeds. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  #schedule(): void {
    if (this.#busy || this.#waiting.length + this.#between.length === 0) return;
    this.#busy = true;
    setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const between = this.#between;
    this.#between = [];
    for (const each of between) await each();
    const jobs = this.#waiting;
    this.#waiting = [];
    if (jobs.length > 0) await this.#commit(jobs);
    this.#busy = false;
    this.#schedule();
  }

  async #commit(jobs: readonly Job[]): Promise<void> {
    this.#writing = true;
    try {
      await this.kysely.transaction().execute(async (trx) => {
        const [only, ...others] = jobs;
        if (others.length === 0) await only?.run(trx);
        else for (const each of jobs) await each.runApart(trx);
      });
      this.#failed = false;
      for (const each of jobs) each.settle();
    } catch (error) {
      this.#failed = isStorageUnavailable(error);
      for (const each of jobs) each.abandon(error);
    } finally {
      this.#writing = false;
    }
  }
}

function job<Result>(
  work: (trx: Trx) => Promise<Result>,
  resolve: (result: Result) => void,
  reject: (error: unknown) => void,
): Job {
  let settle = (): void => undefined;
  return {
    async run(trx) {
      const result = await work(trx);
      settle = () => resolve(result);
    },
    async runApart(trx) {
      await trx.executeQuery(SAVEPOINT);
      try {
        await this.run(trx);
      } catch (error) {
        // If that fails, SQLite has rolled back everything by itself: all of the turn is lost, for this reason.
        await trx.executeQuery(ROLL_BACK).catch(() => Promise.reject(error));
        settle = () => reject(error);
      }
      await trx.executeQuery(RELEASE);
    },
    settle: () => settle(),
    abandon: reject,
  };
}

const SAVEPOINT = CompiledQuery.raw('savepoint job');
const ROLL_BACK = CompiledQuery.raw('rollback to job');
const RELEASE = CompiledQuery.raw('release job');
