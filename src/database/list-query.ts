import type { CompiledQuery } from 'kysely';
import { padded } from './batch.js';
import type { Read } from './schema.js';

/**
 * A query over a list. Its text depends on the (padded) length of the list alone, so Kysely builds it once
 * for each of a dozen lengths, not at every call.
 */
export class ListQuery<Entry, Row> {
  /** By the connection's adapter, that is, dialect; then by length. */
  readonly #compiled = new WeakMap<object, Map<number, CompiledQuery<Row>>>();

  /**
   * @param build the query; its parameters must be the values of the entries, in their order, then `rest`.
   * @param values what an entry puts into the query.
   */
  constructor(
    private readonly build: (
      db: Read,
      entries: readonly Entry[],
      rest: readonly unknown[],
    ) => CompiledQuery<Row>,
    private readonly values: (entry: Entry) => readonly unknown[],
  ) {}

  /** @param list of at least one entry. */
  async run(db: Read, list: readonly Entry[], ...rest: readonly unknown[]): Promise<Row[]> {
    const entries = padded(list);
    const parameters = [...entries.flatMap(this.values), ...rest];
    const compiled = this.#compiledFor(db);
    let query = compiled.get(entries.length);
    if (query === undefined) {
      query = this.build(db, entries, rest);
      assertSame(query.parameters, parameters);
      compiled.set(entries.length, query);
    }
    const { rows } = await db.executeQuery<Row>({ ...query, parameters });
    return rows;
  }

  #compiledFor(db: Read): Map<number, CompiledQuery<Row>> {
    const { adapter } = db.getExecutor();
    const known = this.#compiled.get(adapter) ?? new Map<number, CompiledQuery<Row>>();
    this.#compiled.set(adapter, known);
    return known;
  }
}

function assertSame(built: readonly unknown[], given: readonly unknown[]): void {
  if (built.length === given.length && built.every((value, at) => value === given[at])) return;
  throw new Error('The parameters of a list query must be its entries in their order');
}
