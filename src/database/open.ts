import { setTimeout as sleep } from 'node:timers/promises';
import type { LatchkeyConfig } from '../settings.js';
import { Database } from './database.js';
import { isPermanent } from './permanent-error.js';
import { isStorageUnavailable } from './storage-error.js';

/** The database did not come within `DATABASE_WAIT`. The process exits with 69 (EX_UNAVAILABLE). */
export class DatabaseAwayError extends Error {
  constructor(cause: unknown) {
    super('The database cannot be reached', { cause });
    this.name = 'DatabaseAwayError';
  }
}

const RETRY_MS = 500;
const NOTICE_MS = 5_000;

/** Who hears of what opening a database brings with it. */
export interface DatabaseListeners {
  /** A connection that nobody used broke. */
  onIdleError?: (error: Error) => void;
  /** The names of the migrations that were applied. */
  onMigrated?: (names: readonly string[]) => void;
  /** The database is not there yet, for this reason: at the first failure, then every 5 s. */
  onWaiting?: (reason: string) => void;
}

/**
 * Opens the database and brings its tables up to date, trying for `DATABASE_WAIT` seconds. What waiting can't mend,
 * such as a wrong password or a file that may not be read, ends it at once.
 *
 * @throws DatabaseAwayError when it does not come in that time.
 */
export async function openDatabase(
  config: Pick<LatchkeyConfig, 'databaseUrl' | 'databaseWait'>,
  listeners: DatabaseListeners = {},
): Promise<Database> {
  const patience = performance.now() + config.databaseWait * 1000;
  let nextNotice = -Infinity;
  for (;;) {
    const reason = await tryOpen(config, listeners);
    if (reason instanceof Database) return reason;
    const now = performance.now();
    if (now > patience || isPermanent(reason)) throw new DatabaseAwayError(reason);
    if (now >= nextNotice) {
      listeners.onWaiting?.(messageOf(reason));
      nextNotice = now + NOTICE_MS;
    }
    await sleep(RETRY_MS);
  }
}

async function tryOpen(
  config: Pick<LatchkeyConfig, 'databaseUrl'>,
  { onIdleError, onMigrated }: DatabaseListeners,
): Promise<unknown> {
  let database: Database | undefined;
  try {
    database = new Database(config.databaseUrl, onIdleError);
    const applied = await database.migrate();
    onMigrated?.(applied);
    return database;
  } catch (error) {
    await database?.close().catch(() => undefined);
    if (isStorageUnavailable(error) || isPermanent(error)) return error;
    throw error;
  }
}

/** Where a name has several addresses, each has failed for a reason. */
function messageOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (typeof first !== 'object' || first === null || !('message' in first))
    return 'no reason given';
  return String(first.message);
}
