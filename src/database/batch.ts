import { setImmediate } from 'node:timers';
import type { Read } from './schema.js';

/** The statement's parameters are bounded in both databases. */
const MOST = 500;
/** Milliseconds for which a batch may be joined: who joins may be told so much sooner that it failed. */
export const JOINABLE = 100;

interface Asked<Input, Output> {
  input: Input;
  resolve(output: Output): void;
  reject(error: unknown): void;
}

/** `Database.read` or `Database.write`. */
type Within = <Result>(work: (db: Read) => Promise<Result>) => Promise<Result>;

/**
 * Puts what is asked for in the same turn of the event loop into one statement. Where that has to wait in the
 * write queue, what is asked for meanwhile joins it, for a short time. It is no cache: every answer comes
 * from a statement that began after the question.
 */
export class Batch<Input, Output> {
  #open: Asked<Input, Output>[] = [];
  #openUntil = 0;

  /**
   * @param within where the statement runs.
   * @param run answers all inputs, in their order; if it fails, it fails for all of them.
   */
  constructor(
    private readonly within: Within,
    private readonly run: (db: Read, inputs: readonly Input[]) => Promise<readonly Output[]>,
  ) {}

  add(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      const now = performance.now();
      if (this.#open.length === MOST || now > this.#openUntil) this.#open = [];
      const batch = this.#open;
      if (batch.length === 0) {
        this.#openUntil = now + JOINABLE;
        setImmediate(() => void this.#answer(batch));
      }
      batch.push({ input, resolve, reject });
    });
  }

  async #answer(batch: readonly Asked<Input, Output>[]): Promise<void> {
    try {
      const outputs = await this.within((db) => {
        this.#close(batch);
        const inputs = batch.map(({ input }) => input);
        return this.run(db, inputs);
      });
      batch.forEach(({ resolve }, index) => resolve(outputs[index] as Output));
    } catch (error) {
      this.#close(batch);
      for (const { reject } of batch) reject(error);
    }
  }

  #close(batch: readonly Asked<Input, Output>[]): void {
    if (this.#open === batch) this.#open = [];
  }
}

/**
 * Rows by key, one query for all keys of a turn.
 *
 * @param load the rows of these distinct keys.
 */
export function batchedReads<Row>(
  database: { read: Within },
  load: (db: Read, keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
): Batch<string, Row | undefined> {
  const within: Within = (work) => database.read(work);
  return new Batch(within, async (db, keys) => {
    const rows = await load(db, [...new Set(keys)]);
    return keys.map((key) => rows.get(key));
  });
}

/**
 * The same list, its last entry repeated until the length is a power of two: so that a statement with a
 * list has ten texts, not five hundred.
 */
export function padded<Entry>(list: readonly Entry[]): Entry[] {
  const length = list.length < 2 ? list.length : 2 ** Math.ceil(Math.log2(list.length));
  return Array.from({ length }, (_, index) => list[Math.min(index, list.length - 1)] as Entry);
}
