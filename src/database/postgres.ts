import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Schema } from './schema.js';

/** Waits for a connection, then for an answer: together less than the 5 s after which callers get a 503. */
const CONNECT_WAIT = 1_800;
export const QUERY_WAIT = 2_500;
/** No query is given up. */
export const UNLIMITED = 0;

/**
 * Opens a pool. A connection that breaks is dropped quietly; the next query makes a new one. The pool
 * itself listens for the errors of idle connections only: without a listener of its own, one that breaks
 * while a query runs on it would end the process.
 *
 * @param queryWait milliseconds after which a query has failed.
 */
export function openPostgres(
  url: string,
  onIdleError: (error: Error) => void,
  queryWait = QUERY_WAIT,
): Kysely<Schema> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: CONNECT_WAIT,
    query_timeout: queryWait,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'latchkey',
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

const INT8 = pg.types.builtins.INT8;

/** Epoch milliseconds and counts fit a double. */
function getTypeParser(id: number, format?: 'text' | 'binary') {
  if (id === INT8) return Number;
  return format === 'binary' ? pg.types.getTypeParser(id, format) : pg.types.getTypeParser(id);
}
