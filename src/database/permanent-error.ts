/** SQLSTATE: the user or the password is wrong, the server lets nobody in from here, there is no such database. */
const POSTGRES = /^(28|3D000$)/;
/** The server asks for another kind of password, or for no TLS, or shows a certificate that nobody vouches for. */
const DRIVER = /^SASL: |does not support SSL connections/;
const TLS =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_\w+)$/;
const SQLITE = /^SQLITE_(CANTOPEN|NOTADB|PERM|AUTH)|^SQLITE_READONLY(_DIRECTORY)?$/;
const FILE = /^E(ACCES|PERM|ROFS|EXIST|NOTDIR|ISDIR|NAMETOOLONG|LOOP)$/;

/** Whether opening the database fails in a way that waiting does not mend: somebody has to change something. */
export function isPermanent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if (error instanceof AggregateError) return error.errors.every(isPermanent);
  const code = memberOf(error, 'code');
  // What a firewall refuses now, it may let through later.
  if (FILE.test(code)) return !('port' in error);
  const message = memberOf(error, 'message');
  return POSTGRES.test(code) || TLS.test(code) || SQLITE.test(code) || DRIVER.test(message);
}

function memberOf(error: object, name: string): string {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}
