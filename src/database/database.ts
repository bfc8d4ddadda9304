import { clearTimeout, setTimeout } from 'node:timers';
import { type Kysely, sql } from 'kysely';
import { ConfigurationError } from '../configuration-error.js';
import { JOINABLE } from './batch.js';
import { WriteQueue } from './write-queue.js';
import type { Dialect } from './dialect.js';
import { isBehind, migrate } from './migrate.js';
import {
  AT_THE_START,
  LATEST_BEGIN,
  openPostgres,
  type QueryLimits,
  UNLIMITED,
} from './postgres.js';
import type { Read, Schema, Write } from './schema.js';
import { openSqlite } from './sqlite.js';
import {
  isReadOnly,
  isStorageUnavailable,
  isTangle,
  StorageUnavailableError,
} from './storage-error.js';
import type { DatabaseUrl } from '../setting-values.js';

/** Milliseconds. After this long without an answer an operation counts as failed, so that callers get their 503 in time. */
const PATIENCE = 4_500;
const MAX_RETRIES = 2;

/**
 * The one way to the data. Reads and writes that fail because the database is away throw
 * `StorageUnavailableError`. What was awaited from `write` or `transaction` is on disk.
 */
export class Database {
  readonly dialect: Dialect;
  /** Milliseconds. A write that begins later may have been reported as failed when it is done. */
  readonly patience: number;
  readonly #writer: Kysely<Schema>;
  /**
   * On SQLite a connection of its own, for while the writer waits for another process: who reads never does.
   * Else it is the writer that reads, because each commit by another connection costs one its page cache.
   */
  readonly #reader: Kysely<Schema>;
  readonly #queue: WriteQueue | undefined;

  constructor(
    private readonly url: DatabaseUrl,
    private readonly onIdleError: (error: Error) => void = () => undefined,
  ) {
    this.dialect = url.kind;
    this.patience = url.kind === 'sqlite' ? PATIENCE - JOINABLE : LATEST_BEGIN;
    this.#writer = url.kind === 'sqlite' ? openSqlite(url.file) : openPostgres(url, onIdleError);
    const shared = url.kind === 'postgres' || url.file === ':memory:';
    this.#reader = shared ? this.#writer : openSqlite(url.file);
    this.#queue = url.kind === 'sqlite' ? new WriteQueue(this.#writer, PATIENCE) : undefined;
  }

  /** Runs statements that change nothing. */
  read<Result>(work: (db: Read) => Promise<Result>): Promise<Result> {
    return inTime(work(this.#queue?.isWriting === true ? this.#reader : this.#writer));
  }

  /**
   * Runs one statement that changes something, atomic by itself. On SQLite writes that wait in the same
   * turn of the event loop share one transaction; `work` must await nothing but the database.
   */
  write<Result>(work: (db: Read) => Promise<Result>): Promise<Result> {
    return inTime(this.#queue?.add(work) ?? retried(() => work(this.#writer)));
  }

  /** Runs several statements as one: all or none. `work` must await nothing but the database. */
  transaction<Result>(work: (trx: Write) => Promise<Result>): Promise<Result> {
    return inTime(
      this.#queue?.add(work) ?? retried(() => this.#writer.transaction().execute(work)),
    );
  }

  /** Holds every other holder of the same name off until the transaction ends. */
  async lock(trx: Write, name: string): Promise<void> {
    if (this.dialect === 'postgres') {
      await sql`select pg_advisory_xact_lock(hashtext(${`latchkey:${name}`}))`.execute(trx);
    }
  }

  /**
   * Brings the tables up to date. Several nodes may do so at once: one does it, the others wait. On PostgreSQL a
   * migration takes as long as it needs, whatever requests wait for at most.
   *
   * @returns the names of what was applied.
   * @throws Error for a database that a later version has migrated.
   * @throws ConfigurationError for a PostgreSQL database that can't hold every text.
   */
  async migrate(): Promise<string[]> {
    const { url } = this;
    if (url.kind === 'sqlite') return migrate(this.#writer, 'sqlite');
    const connected = <Result>(
      limits: QueryLimits,
      work: (db: Kysely<Schema>) => Promise<Result>,
    ) => withPostgres(() => openPostgres(url, this.onIdleError, limits), work);
    const behind = await connected(AT_THE_START, async (db) => {
      await assertUtf8(db);
      return isBehind(db, 'postgres', url.schema);
    });
    const limits = behind ? UNLIMITED : AT_THE_START;
    return connected(limits, (db) => migrate(db, 'postgres', url.schema));
  }

  /**
   * Asks whether the database can be read and written. On PostgreSQL by a change of nothing; on SQLite, where that would
   * take the lock, only after a write has failed.
   */
  async ping(): Promise<void> {
    if (this.#queue?.hasFailed === false) await this.read((db) => sql`select 1`.execute(db));
    else await this.write((db) => sql`update counters set value = 0 where 1 = 0`.execute(db));
  }

  /**
   * Moves SQLite's write-ahead log into the file and empties it, so that nothing of what was deleted or replaced stays
   * there. PostgreSQL does as much by itself, in its own time.
   *
   * @returns false where another process is just reading; the next call may succeed.
   */
  async emptyLog(): Promise<boolean> {
    const checkpoint = sql<{ busy: number }>`pragma wal_checkpoint(truncate)`;
    const answer = await this.#queue?.between(() => checkpoint.execute(this.#writer));
    return answer?.rows.every(({ busy }) => busy === 0) ?? true;
  }

  async close(): Promise<void> {
    // Who closes last does so anyway; another process may go on.
    await this.emptyLog().catch(() => false);
    await this.#writer.destroy();
    if (this.#reader !== this.#writer) await this.#reader.destroy();
  }
}

/** Names may be in any script, so every other encoding would fail at some of them, at some time. */
async function assertUtf8(db: Kysely<Schema>): Promise<void> {
  const { rows } = await sql<{ server_encoding: string }>`show server_encoding`.execute(db);
  const encoding = rows[0]?.server_encoding;
  if (encoding === 'UTF8') return;
  throw new ConfigurationError([
    `DATABASE_URL names a database in the encoding ${encoding}: make one with the encoding UTF8`,
  ]);
}

/** With connections of its own. */
async function withPostgres<Result>(
  open: () => Kysely<Schema>,
  work: (db: Kysely<Schema>) => Promise<Result>,
): Promise<Result> {
  const pool = open();
  try {
    return await work(pool);
  } finally {
    await pool.destroy();
  }
}

/**
 * Tries again what PostgreSQL undid: one of two transactions that were in each other's way, or one that met a server which
 * is the primary no longer.
 */
async function retried<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let left = MAX_RETRIES; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || !(isTangle(error) || isReadOnly(error))) throw error;
    }
  }
}

async function inTime<Result>(running: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StorageUnavailableError('no answer in time')), PATIENCE);
  });
  try {
    return await Promise.race([running, tooLate]);
  } catch (error) {
    throw isStorageUnavailable(error) && !(error instanceof StorageUnavailableError)
      ? new StorageUnavailableError(error)
      : error;
  } finally {
    clearTimeout(timer);
  }
}
