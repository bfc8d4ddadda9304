/**
 * Reads rows by key, one query for all that are asked for in the same turn of the event loop. Every
 * answer comes from a query that began after the question, so nothing read through it is stale.
 */
export class BatchReader<Row> {
  #waiting = new Map<string, Promise<Row | undefined>>();
  #keys: string[] = [];
  #running: Promise<ReadonlyMap<string, Row>> | undefined;

  /** @param load one query for the rows of these distinct keys. */
  constructor(
    private readonly load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
  ) {}

  get(key: string): Promise<Row | undefined> {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known;
    this.#running ??= this.#nextTurn();
    this.#keys.push(key);
    const answer = this.#running.then((rows) => rows.get(key));
    this.#waiting.set(key, answer);
    return answer;
  }

  #nextTurn(): Promise<ReadonlyMap<string, Row>> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        const keys = this.#keys;
        this.#keys = [];
        this.#waiting = new Map();
        this.#running = undefined;
        this.load(keys).then(resolve, reject);
      });
    });
  }
}
