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
 * Runs a few jobs at a time. The networks that have jobs waiting take turns, first come, first served within each, so
 * that one network's flood delays its own jobs and hardly anybody else's. A job that would have to wait longer
 * than 5 s, as far as can be told from how long jobs have taken, is refused at once.
 */
export class HashQueue {
  /** By network, in the order of their turns. None is empty. */
  readonly #queues = new Map<string, (() => void)[]>();
  #waiting = 0;
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
   * @param network whose turn it takes, such as `networkOf` names it.
   * @returns what `work` returns, or its error.
   * @throws Problem `overloaded`, with `Retry-After`, when too many of this network wait already.
   */
  async run<Result>(work: () => Promise<Result>, network = ''): Promise<Result> {
    if (this.#running >= this.lanes) await this.#turn(network);
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
    return { running: this.#running, waiting: this.#waiting };
  }

  /** Resolves when a lane is free; whoever leaves it hands it over, so nobody can slip in between. */
  #turn(network: string): Promise<void> {
    const queue = this.#queues.get(network) ?? [];
    const networks = this.#queues.size + (queue.length === 0 ? 1 : 0);
    const wait = (queue.length * networks * this.average) / this.lanes / 1000;
    const share = Math.max(1, Math.floor(MOST_WAITING / networks));
    if (wait > LONGEST_WAIT || queue.length >= share) {
      const seconds = Math.max(1, Math.ceil(wait));
      throw new Problem('overloaded', { headers: { 'Retry-After': `${seconds}` } });
    }
    this.#queues.set(network, queue);
    this.#waiting += 1;
    return new Promise((resolve) => queue.push(resolve));
  }

  /** The network whose turn it was goes to the end of the line. */
  #next(): void {
    const [turn] = this.#queues;
    if (turn === undefined) {
      this.#running -= 1;
      return;
    }
    const [network, queue] = turn;
    const next = queue.shift();
    this.#queues.delete(network);
    if (queue.length > 0) this.#queues.set(network, queue);
    this.#waiting -= 1;
    next?.();
  }

  #measured(milliseconds: number): void {
    this.average =
      this.average === 0 ? milliseconds : this.average + WEIGHT * (milliseconds - this.average);
  }
}
