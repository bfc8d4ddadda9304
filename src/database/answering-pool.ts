import { clearTimeout, setTimeout } from 'node:timers';
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import { isReadOnly, isUnanswered } from './storage-error.js';

/** What is used of pg's own pool. */
interface Pool {
  connect(): Promise<Connection>;
  end(): Promise<void>;
}

interface Connection extends PostgresPoolClient {
  /** @param broken whether it must not be used again. */
  release(broken?: boolean): void;
}

/** How often the server has not answered. */
interface Silences {
  count: number;
}

/** So many connections are given up at once, then one in so long (milliseconds). */
const AT_ONCE = 10;
const EVERY = 5_000;

/**
 * A pool that never hands out a connection which owes an answer. pg gives up a query that takes too long, and would go
 * on using its connection, where the server may yet begin what was given up: after a `begin` that comes so late,
 * what others write there is answered, and undone in the end.
 *
 * The server may keep what was given up, as long as it is busy with it. So places become free again at a limited rate: a
 * server whose commits hang is not drowned in connections.
 *
 * After a silence, and after a refusal to write, the idle connections are not trusted either. A server that went without a word leaves all of them
 * dead, and to find that out one by one would take too long.
 */
export class AnsweringPool implements PostgresPool {
  readonly #silences: Silences = { count: 0 };
  readonly #leases = new WeakMap<Connection, Lease>();
  readonly #givenUp = new Set<() => void>();
  /** When all that was given up is paid for (milliseconds, monotonic). */
  #paidAt = -Infinity;

  constructor(private readonly pool: Pool) {}

  async connect(): Promise<PostgresPoolClient> {
    for (;;) {
      const connection = await this.pool.connect();
      const lease =
        this.#leases.get(connection) ?? new Lease(connection, this.#silences, this.#giveUp);
      this.#leases.set(connection, lease);
      if (lease.isTrusted) return lease;
      connection.release(true);
    }
  }

  end(): Promise<void> {
    for (const free of this.#givenUp) free();
    return this.pool.end();
  }

  readonly #giveUp = (connection: Connection): void => {
    const now = performance.now();
    this.#paidAt = Math.max(this.#paidAt, now - AT_ONCE * EVERY) + EVERY;
    const timer = setTimeout(() => free(), Math.max(0, this.#paidAt - now)).unref();
    const free = () => {
      clearTimeout(timer);
      if (this.#givenUp.delete(free)) connection.release(true);
    };
    this.#givenUp.add(free);
  };
}

class Lease implements PostgresPoolClient {
  /** How many silences there had been when it answered last. */
  #heardAfter: number;
  #silence: unknown;

  constructor(
    private readonly connection: Connection,
    private readonly silences: Silences,
    private readonly giveUp: (connection: Connection) => void,
  ) {
    this.#heardAfter = silences.count;
  }

  get isTrusted(): boolean {
    return this.#heardAfter === this.silences.count;
  }

  query<Row>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  query<Row>(
    text: string | PostgresCursor<Row>,
    values: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    return typeof text === 'string' ? this.#ask(text, values) : this.connection.query(text);
  }

  release(): void {
    if (this.#silence === undefined) this.connection.release();
    else this.giveUp(this.connection);
  }

  /** After a silence nothing more is sent: a rollback would wait as long again. */
  async #ask<Row>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<Row>> {
    if (this.#silence !== undefined) throw this.#silence;
    try {
      const result = await this.connection.query<Row>(text, values);
      this.#heardAfter = this.silences.count;
      return result;
    } catch (error) {
      if (isUnanswered(error)) {
        this.#silence = error;
        this.silences.count += 1;
      }
      // It answers, but leads to a server that is the primary no longer; so may the others.
      if (isReadOnly(error)) this.silences.count += 1;
      throw error;
    }
  }
}
