import { Problem } from '../http/problem.js';

/** The longest that a job may be expected to wait (seconds). */
const LONGEST_WAIT = 5;

/** How many jobs may wait, however quick they are. */
const MOST_WAITING = 512;

/** How much one more measurement counts in the moving average. */
const WEIGHT = 0.1;

/** How busy the hashing is. */
export interface HashQueueStats {
  running: number;
  waiting: number;
}

/**
 * Runs at most so many jobs at a time, first come, first served. A job that would have to wait longer than
 * 5 s, as far as can be told from how long jobs have taken, is refused at once: so a flood of sign-ins
 * neither fills the memory nor keeps anybody waiting for an answer that nobody needs any more.
 */
export class HashQueue {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * @param lanes how many jobs run at a time.
   * @param average how long a job takes (milliseconds), until measured.
   */
  constructor(
    private readonly lanes: number,
    private average = 0,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * @returns what `work` returns, or its error.
   * @throws Problem `overloaded`, with `Retry-After`, when too many wait already.
   */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.lanes) await this.#turn();
    else this.#running += 1;
    const start = this.now();
    try {
      return await work();
    } finally {
      this.#measured(this.now() - start);
      this.#next();
    }
  }

  stats(): HashQueueStats {
    return { running: this.#running, waiting: this.#waiting.length };
  }

  /** Resolves when a lane is free; whoever leaves it hands it over, so nobody can slip in between. */
  #turn(): Promise<void> {
    const wait = (this.#waiting.length * this.average) / this.lanes / 1000;
    if (wait > LONGEST_WAIT || this.#waiting.length >= MOST_WAITING) {
      const seconds = Math.max(1, Math.ceil(wait));
      throw new Problem('overloaded', { headers: { 'Retry-After': `${seconds}` } });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  #measured(milliseconds: number): void {
    this.average =
      this.average === 0 ? milliseconds : this.average + WEIGHT * (milliseconds - this.average);
  }
}
