import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { AnsweringPool } from './answering-pool.js';
import type { PostgresUrl } from '../setting-values.js';
import type { Schema } from './schema.js';

/** Waits for a connection, then for an answer: together less than the 5 s after which callers get a 503. */
const CONNECT_WAIT = 1_800;

/**
 * Connections that a node keeps while it has nothing to do, and how long it keeps further ones. Behind a pooler in session
 * mode a connection of one node is one less for the others.
 */
const MIN_IDLE = 1;
const IDLE_MS = 500;

/** How long a query may take, in milliseconds; 0 for no limit of ours. */
export interface QueryLimits {
  /** Then the server ends the statement, also one that waits for a lock, and says so. NOT its commit. */
  statement: number;
  /** Then nobody waits for the server's answer any more. */
  answer: number;
}

const LIMITS: QueryLimits = { statement: 1_500, answer: 2_600 };
/** For looking at the tables of a database that may have thousands. */
export const AT_THE_START: QueryLimits = { statement: 10_000, answer: 12_000 };
export const UNLIMITED: QueryLimits = { statement: 0, answer: 0 };

/** For its answer to travel. */
const ON_THE_WAY = 100;
/**
 * Milliseconds. A statement that begins by then has ended, either way, before its answer is given up; but for a commit
 * that itself has to wait, for a disk or for a synchronous standby.
 */
export const LATEST_BEGIN = LIMITS.answer - LIMITS.statement - ON_THE_WAY;

/**
 * Opens a pool. A connection that breaks is dropped quietly; the next query makes a new one. The pool
 * itself listens for the errors of idle connections only: without a listener of its own, one that breaks
 * while a query runs on it would end the process.
 */
export function openPostgres(
  { url, schema }: PostgresUrl,
  onIdleError: (error: Error) => void,
  limits = LIMITS,
): Kysely<Schema> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    min: MIN_IDLE,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_WAIT,
    query_timeout: limits.answer,
    onConnect: (client) => client.query(sessionSettings(limits, schema)).then(() => undefined),
    application_name: 'latchkey',
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: new AnsweringPool(pool) }) });
}

/**
 * What holds on a connection. It is set once the connection is there, because PgBouncer refuses most of it at the
 * start-up. The isolation is ours, whatever the database's default: each rule is one statement that judges and changes
 * at once, or takes a lock.
 */
function sessionSettings({ statement }: QueryLimits, schema: string | undefined): string {
  const settings = [
    `statement_timeout = ${statement}`,
    'idle_in_transaction_session_timeout = 10000',
    "default_transaction_isolation = 'read committed'",
    ...(schema === undefined ? [] : [`search_path = ${pg.escapeIdentifier(schema)}`]),
  ];
  return settings.map((setting) => `set ${setting}`).join('; ');
}

const INT8 = pg.types.builtins.INT8;

/** Epoch milliseconds and counts fit a double. */
function getTypeParser(id: number, format?: 'text' | 'binary') {
  if (id === INT8) return Number;
  return format === 'binary' ? pg.types.getTypeParser(id, format) : pg.types.getTypeParser(id);
}
