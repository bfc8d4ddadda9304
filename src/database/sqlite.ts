import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';
import type { Schema } from './schema.js';
import { isBusy, isWithoutTransaction } from './storage-error.js';

/** How long a write waits for another process's transaction before it gives up. */
const BUSY_WAIT = 4_000;

/**
 * Pages in the log before they are written to their places, all within one commit. A page that many renewals
 * change is then written once; SQLite's default of 1,000 would make it eight times.
 */
const CHECKPOINT = 8_000;

/**
 * Bytes a page, in new files. A commit writes each page that it changed whole, and renewals lie spread over the
 * table; a session takes about 300 bytes.
 */
const PAGE = 2_048;

/** Opens or creates the file. `synchronous=FULL`: what was committed survives a power cut. */
export function openSqlite(file: string): Kysely<Schema> {
  if (file !== ':memory:') makePrivate(file);
  const database = new BetterSqlite3(file, { timeout: 2_000 });
  database.exec(`pragma page_size = ${PAGE}`);
  database.exec('pragma journal_mode = WAL');
  database.exec('pragma synchronous = FULL');
  database.exec('pragma foreign_keys = ON');
  // What was deleted or replaced is overwritten: keys under an old secret, and people who have left.
  database.exec('pragma secure_delete = ON');
  database.exec('pragma cache_size = -16000');
  database.exec(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
  database.exec('pragma busy_timeout = 20');
  return new Kysely<Schema>({
    dialect: new ImmediateSqliteDialect({ database: prepared(database) }),
  });
}

/** Only the owner may read it; SQLite gives the files beside it the same mode. */
function makePrivate(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}

/*
 * better-sqlite3's objects must not be garbage-collected: from Node 24.19 on that may abort the process
 * (nodejs/node#65446). So none is made in passing, and those that there are stay reachable to the end.
 */
const kept: object[] = [];

/**
 * Keeps prepared statements: a server's few queries are compiled by SQLite once, not at every call. Queries
 * with lists come in a few lengths only (`padded`).
 */
function prepared(database: BetterSqlite3.Database) {
  const statements = new Map<string, SqliteStatement>();
  kept.push(database, statements);
  return {
    close: () => database.close(),
    prepare(sql: string): SqliteStatement {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = database.prepare(sql);
      const reusable: SqliteStatement = {
        reader: statement.reader,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
      statements.set(sql, reusable);
      return reusable;
    },
  };
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
}

/** Migrations run inside one transaction, so that processes which start at once take turns. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/**
 * Takes the write lock when a transaction begins, so that it can't fail halfway, and waits for another
 * process's lock without blocking the event loop.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const begin = CompiledQuery.raw('begin immediate');
    const patience = performance.now() + BUSY_WAIT;
    for (;;) {
      try {
        await connection.executeQuery(begin);
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > patience) throw error;
      }
      await sleep(2 + Math.random() * 8);
    }
  }

  /** On a full disk SQLite has rolled back by itself; that error is the one to tell of. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      if (!isWithoutTransaction(error)) throw error;
    }
  }
}
