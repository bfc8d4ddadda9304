import { decodeBase64url } from './base64url.js';
import { isLowS } from './ecdsa-form.js';

/** A token that is not accepted. The reason is for the log; it never holds token text. */
export class TokenRejected extends Error {
  override readonly name = 'TokenRejected';

  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The token was rejected: ${reason}`, options);
  }
}

/** The only members that a header may have. */
export interface StrictHeader {
  alg: string;
  typ: string;
  kid?: string;
}

/** A token whose form is right. Nothing else about it has been checked. */
export interface StrictJwt {
  header: StrictHeader;
  payload: Readonly<Record<string, unknown>>;
}

/** Characters of the longest access or refresh token that is read. */
const LONGEST = 16 * 1024;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const MEMBERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid']);

/**
 * Reads a JWT in compact form (RFC 7515 §7.1) so that each token has exactly one text: canonical
 * base64url, valid UTF-8, JSON as `JSON.stringify` writes it (so no member comes twice and no number
 * overflows), no header member but `alg`, `typ` and `kid`, and for ECDSA the lower of the two
 * equivalent signatures. It does NOT check the signature, the type or any claim.
 *
 * @param longest characters that are read at most.
 * @throws TokenRejected
 */
export function readStrictJwt(token: unknown, longest = LONGEST): StrictJwt {
  if (typeof token !== 'string' || token.length > longest) throw new TokenRejected('length');
  if (!COMPACT.test(token)) throw new TokenRejected('not in compact form');
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  const header = jsonPart(token.slice(0, first), 'header');
  const payload = jsonPart(token.slice(first + 1, second), 'payload');
  const signature = decode(token.slice(second + 1), 'signature');
  assertHeader(header);
  if (!isLowS(signature, header.alg)) throw new TokenRejected('signature form');
  return { header, payload };
}

function jsonPart(text: string, name: string): Readonly<Record<string, unknown>> {
  const value = parse(utf8(decode(text, name), name), name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TokenRejected(`${name} is no object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function parse(json: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    if (JSON.stringify(value) === json) return value;
  } catch {
    // Not JSON, or nested too deeply.
  }
  throw new TokenRejected(`${name} is not JSON in its shortest form`);
}

function decode(text: string, name: string): Uint8Array {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) throw new TokenRejected(`${name} is not base64url`);
  return bytes;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array, name: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new TokenRejected(`${name} is not UTF-8`);
  }
}

function assertHeader(value: object): asserts value is StrictHeader {
  const header = value as Partial<Record<keyof StrictHeader, unknown>>;
  const right =
    typeof header.alg === 'string' &&
    typeof header.typ === 'string' &&
    (!('kid' in header) || (typeof header.kid === 'string' && header.kid !== '')) &&
    Object.keys(header).every((member) => MEMBERS.has(member));
  if (!right) throw new TokenRejected('header members');
}
