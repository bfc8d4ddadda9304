/** The database did not answer, or not in time. Nothing is known about who may do what: answer 503. */
export class StorageUnavailableError extends Error {
  constructor(cause: unknown) {
    super('The storage cannot be reached', { cause });
    this.name = 'StorageUnavailableError';
  }
}

/** SQLSTATE classes and codes that tell of an outage, a changed password or contention, not of a wrong query. */
const POSTGRES = /^(08|28|3D|53|57|58|F0|XX|40|55P03|25006|25P03)/;
const SQLITE =
  /^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|READONLY|NOTADB|CORRUPT|NOMEM|PROTOCOL|AUTH|PERM)/;
const NETWORK =
  /^(E(CONN\w+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|HOSTDOWN|AI_AGAIN|ACCES)|ENOENT|ENOTFOUND|ENOSPC)$/;
const DRIVER =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|not queryable|driver has already been destroyed|database connection is not open|Cannot use a pool after/i;

/** Whether an error of the database layer means «try again later» rather than a fault in the program. */
export function isStorageUnavailable(error: unknown): boolean {
  if (error instanceof StorageUnavailableError) return true;
  if (error instanceof AggregateError) return error.errors.some(isStorageUnavailable);
  const { code, message } = partsOf(error);
  return POSTGRES.test(code) || SQLITE.test(code) || NETWORK.test(code) || DRIVER.test(message);
}

/** Whether pg gave up a query whose answer did not come; the server may still get to it. */
export function isUnanswered(error: unknown): boolean {
  return partsOf(error).message === 'Query read timeout';
}

/** Whether PostgreSQL undid a transaction because it was in another's way (deadlock, serialisation). */
export function isTangle(error: unknown): boolean {
  return /^40(001|P01)$/.test(partsOf(error).code);
}

/**
 * Whether PostgreSQL takes no writes on this connection: its server is a standby now, and another one is the primary.
 * Nothing was done.
 */
export function isReadOnly(error: unknown): boolean {
  return partsOf(error).code === '25006';
}

/** Whether SQLite said that another process holds the lock. */
export function isBusy(error: unknown): boolean {
  return partsOf(error).code.startsWith('SQLITE_BUSY');
}

/** Whether SQLite said that there is nothing to roll back: it has done so by itself. */
export function isWithoutTransaction(error: unknown): boolean {
  return partsOf(error).message.includes('no transaction is active');
}

/** Whether an error says that a unique column has this value already. */
export function violatedUnique(error: unknown, column: string): boolean {
  const { code, message, constraint } = partsOf(error);
  if (code === '23505') return constraint.includes(column);
  return code === 'SQLITE_CONSTRAINT_UNIQUE' && message.includes(`.${column}`);
}

/** Whether an insert met a row with the same primary key. PostgreSQL names the constraint instead (`violatedUnique`). */
export function violatedPrimaryKey(error: unknown): boolean {
  return partsOf(error).code === 'SQLITE_CONSTRAINT_PRIMARYKEY';
}

/** An error is told by its members: a driver's own class need not be an `Error` of this realm. */
function partsOf(error: unknown): { code: string; message: string; constraint: string } {
  const text = (name: string): string => {
    if (typeof error !== 'object' || error === null) return '';
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : '';
  };
  return { code: text('code'), message: text('message'), constraint: text('constraint') };
}
