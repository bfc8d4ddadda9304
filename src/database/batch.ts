/** The statement's parameters are bounded in both databases. */
const MOST = 500;

interface Asked<Input, Output> {
  input: Input;
  resolve(output: Output): void;
  reject(error: unknown): void;
}

/**
 * Puts what is asked for in the same turn of the event loop into one statement. It is no cache: every
 * answer comes from a statement that began after the question.
 */
export class Batch<Input, Output> {
  #waiting: Asked<Input, Output>[] = [];

  /** @param run answers all inputs, in their order; if it fails, it fails for all of them. */
  constructor(private readonly run: (inputs: readonly Input[]) => Promise<readonly Output[]>) {}

  add(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#next());
      this.#waiting.push({ input, resolve, reject });
    });
  }

  #next(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += MOST) {
      void this.#answer(waiting.slice(from, from + MOST));
    }
  }

  async #answer(asked: readonly Asked<Input, Output>[]): Promise<void> {
    try {
      const outputs = await this.run(asked.map(({ input }) => input));
      asked.forEach(({ resolve }, index) => resolve(outputs[index] as Output));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

/**
 * Rows by key, one query for all keys of a turn.
 *
 * @param load the rows of these distinct keys.
 */
export function batchedReads<Row>(
  load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
): Batch<string, Row | undefined> {
  return new Batch(async (keys) => {
    const rows = await load([...new Set(keys)]);
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
