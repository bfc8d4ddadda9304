import { setTimeout as sleep } from 'node:timers/promises';
import type { LatchkeyConfig } from '../settings.js';
import { Database } from './database.js';
import { isStorageUnavailable } from './storage-error.js';

/** The database did not come within `DATABASE_WAIT`. The process exits with 69 (EX_UNAVAILABLE). */
export class DatabaseAwayError extends Error {
  constructor(cause: unknown) {
    super('The database cannot be reached', { cause });
    this.name = 'DatabaseAwayError';
  }
}

/**
 * Opens the database and brings its tables up to date, trying for `DATABASE_WAIT` seconds.
 *
 * @param onMigrated hears the names of the migrations that were applied.
 * @throws DatabaseAwayError when it does not come in that time.
 */
export async function openDatabase(
  config: Pick<LatchkeyConfig, 'databaseUrl' | 'databaseWait'>,
  onIdleError: (error: Error) => void,
  onMigrated: (names: readonly string[]) => void = () => undefined,
): Promise<Database> {
  const patience = performance.now() + config.databaseWait * 1000;
  for (;;) {
    const reason = await tryOpen(config, onIdleError, onMigrated);
    if (reason instanceof Database) return reason;
    if (performance.now() > patience) throw new DatabaseAwayError(reason);
    await sleep(500);
  }
}

async function tryOpen(
  config: Pick<LatchkeyConfig, 'databaseUrl'>,
  onIdleError: (error: Error) => void,
  onMigrated: (names: readonly string[]) => void,
): Promise<unknown> {
  let database: Database | undefined;
  try {
    database = new Database(config.databaseUrl, onIdleError);
    onMigrated(await database.migrate());
    return database;
  } catch (error) {
    await database?.close().catch(() => undefined);
    if (isStorageUnavailable(error)) return error;
    throw error;
  }
}
