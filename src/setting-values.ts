import { isIP } from 'node:net';

/*
 * How the texts of settings are read. Each function throws an Error whose message follows the variable's
 * name and never repeats the value.
 */

/** Where the data lives. */
export type DatabaseUrl = { readonly kind: 'sqlite'; readonly file: string } | PostgresUrl;

export interface PostgresUrl {
  readonly kind: 'postgres';
  /** In any form that pg takes. */
  readonly url: string;
  /** Of the parameter `schema`: where the tables are, if not where the user's search path leads. */
  readonly schema?: string;
}

export type AccessTokenClaim = 'email' | 'username' | 'name';
export type RoleScopes = Readonly<Record<string, readonly string[]>>;

/** Seconds. */
export const DAY = 24 * 60 * 60;
const TEN_YEARS = 3650 * DAY;
const UNITS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86400],
]);

function reject(why: string): never {
  throw new Error(why);
}

export function integer(low: number, high: number) {
  return (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= low && value <= high
      ? value
      : reject(`must be a whole number from ${low} to ${high}`);
  };
}

/** Seconds. */
export function duration(least: 0 | 1, most = TEN_YEARS) {
  return (text: string): number => {
    if (least === 0 && text === '0') return 0;
    const match = /^(\d{1,9})([smhd])$/.exec(text);
    const seconds = Number(match?.[1]) * (UNITS.get(match?.[2] ?? '') ?? Number.NaN);
    if (seconds > most) reject(`must be no longer than ${most / DAY}d`);
    return seconds >= least
      ? seconds
      : reject(`must be a duration such as 30s, 10m, 12h or 30d${least === 0 ? ', or 0' : ''}`);
  };
}

export function oneOf<const Values extends readonly string[]>(...values: Values) {
  return (text: string): Values[number] =>
    values.find((value) => value === text) ?? reject(`must be one of ${values.join(', ')}`);
}

export function yesOrNo(text: string): boolean {
  return oneOf('true', 'false')(text) === 'true';
}

export function list<Item>(parse: (text: string) => Item) {
  return (text: string): readonly Item[] =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map(parse);
}

export function filled<Item>(parse: (text: string) => readonly Item[]) {
  return (text: string): readonly Item[] => {
    const items = parse(text);
    return items.length > 0 ? items : reject('must name at least one');
  };
}

const MIN_SECRET_BYTES = 32;
/** A random secret has far more; what people type, or repeat to make it long, often has not. */
const MIN_DISTINCT_BYTES = 16;

export function secret(text: string): string {
  if (Buffer.byteLength(text) < MIN_SECRET_BYTES) reject('must have 32 bytes or more');
  return distinctBytes(text) >= MIN_DISTINCT_BYTES
    ? text
    : reject('must have 16 different bytes or more: make it with `openssl rand -base64 32`');
}

/** Hexadecimal text counts as the bytes that it stands for: of random ones it rarely shows all 16 digits. */
function distinctBytes(text: string): number {
  const isHex = text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);
  const written = new Set(Buffer.from(text)).size;
  return isHex ? Math.max(written, new Set(Buffer.from(text, 'hex')).size) : written;
}

function url(text: string): URL {
  return URL.canParse(text) ? new URL(text) : reject('must be an absolute URL');
}

export function publicUrl(text: string): string {
  const { protocol, username, search, hash, host } = url(text);
  if (host.includes('*')) reject('must name one host: there are no wildcards');
  if (protocol !== 'http:' && protocol !== 'https:') reject('must begin with http:// or https://');
  if (text.endsWith('/')) reject('must not end with a slash');
  if (username !== '' || search !== '' || hash !== '' || /[?#]/.test(text)) {
    reject('must have no user, query or fragment');
  }
  return text;
}

export function origin(text: string): string {
  if (text.includes('*')) reject('must list whole origins: there are no wildcards');
  return URL.canParse(text) && originOf(new URL(text)) === text
    ? text
    : reject('must list origins such as https://app.example.com, without a path');
}

/** An app's own scheme has no origin for the URL standard, but its web view sends one: `capacitor://localhost`. */
function originOf({ origin, protocol, host }: URL): string | undefined {
  if (origin !== 'null') return origin;
  return host === '' || protocol === 'file:' ? undefined : `${protocol}//${host}`;
}

/** The beginning of a cookie's name: what browsers take with and without `__Host-`. */
export function cookiePrefix(text: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(text)
    ? text
    : reject('must be 1 to 32 of A-Z a-z 0-9 - _, and begin with a letter or digit');
}

export function addressRange(text: string): string {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  const right =
    isIP(address) !== 0 &&
    rest.length === 0 &&
    (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits));
  if (!right) reject('must list IP addresses or CIDR ranges');
  if (isEverybody(address, prefix)) {
    reject('must name your proxies: who trusts every address lets anybody choose theirs');
  }
  return text;
}

/** All of IPv4 is also written as IPv6, `::ffff:0:0/96`. */
function isEverybody(address: string, prefix: string | undefined): boolean {
  if (prefix === undefined) return false;
  const isMapped = address.toLowerCase().startsWith('::ffff:');
  return Number(prefix) <= (isMapped ? 96 : 0);
}

const SCHEMA = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

/** Also a URL without a host (`postgres://user:pw@/db?host=/var/run/postgresql`), and `socket:/var/run/postgresql`. */
function postgresUrl(text: string): PostgresUrl | undefined {
  if (!/^(postgres(ql)?:\/\/|socket:\/)/.test(text)) return undefined;
  const withHost = text.replace('@/', '@localhost/');
  if (!URL.canParse(withHost)) return undefined;
  const schemas = new URL(withHost).searchParams.getAll('schema');
  const [schema] = schemas;
  if (schema === undefined) return { kind: 'postgres', url: text };
  if (schemas.length > 1 || !SCHEMA.test(schema)) reject('must name one schema in `schema`');
  return { kind: 'postgres', url: text, schema };
}

export function databaseUrl(text: string): DatabaseUrl {
  const postgres = postgresUrl(text);
  if (postgres !== undefined) return postgres;
  const file = /^sqlite:(.+)$/.exec(text)?.[1];
  return file === undefined
    ? reject('must be sqlite:<file> or postgres://…')
    : { kind: 'sqlite', file };
}

const ROLE = /^[a-z][a-z0-9_-]{0,31}$/;
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

export function roleScopes(text: string): RoleScopes {
  const value = parsedJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    reject('must be a JSON object from role to list of scopes');
  }
  const result: Record<string, readonly string[]> = Object.create(null);
  for (const [role, scopes] of Object.entries(value)) {
    if (!ROLE.test(role)) reject('names a role that is not of the form [a-z][a-z0-9_-]{0,31}');
    const right =
      Array.isArray(scopes) && scopes.every((one) => typeof one === 'string' && SCOPE.test(one));
    result[role] = right ? scopes : reject('must give each role a list of scopes');
  }
  return result;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return reject('must be JSON');
  }
}

export function clientId(text: string): string {
  return /^[\x21-\x7E]{1,64}$/.test(text) && !text.includes(':')
    ? text
    : reject('must be 1 to 64 visible ASCII characters without a colon');
}

/** A text for people to read: white space around it goes, control characters are refused. */
export function line(longest: number) {
  return (text: string): string => {
    const trimmed = text.trim();
    const length = [...trimmed].length;
    return length >= 1 && length <= longest && !/\p{Cc}/u.test(trimmed)
      ? trimmed
      : reject(`must be a text of 1 to ${longest} characters in one line`);
  };
}

export function color(text: string): string {
  return /^#[0-9a-f]{6}$/i.test(text)
    ? text.toLowerCase()
    : reject('must be a colour such as #0f6b5c');
}

/** Whether the name leads anywhere shows only when it is listened on. */
export function listenAddress(text: string): string {
  const asFour = /^\d+(\.\d+){3}$/;
  if (isIP(text) === 0 && (asFour.test(text) || !/^[\w.-]+$/.test(text))) {
    throw new Error('must be an address or a host name');
  }
  return text;
}

export function anyText(text: string): string {
  return text;
}
