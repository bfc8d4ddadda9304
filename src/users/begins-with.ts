import { type Expression, type RawBuilder, sql, type SqlBool } from 'kysely';
import { inByteOrder } from '../database/byte-order.js';
import type { Read } from '../database/schema.js';

/** How a user may begin: what is searched, in the order of its bytes, and the stretch of that order. */
export interface Beginning {
  searched: RawBuilder<string>;
  condition: Expression<SqlBool>;
}

/** Each has an index in the order of its bytes. */
type Searched = 'email_key' | 'lower(email)' | 'username' | 'lower(name)';

/**
 * The ways one of which holds for a user whose e-mail, user name or name begins with a text, whatever the
 * case of its letters. The databases lower-case letters beyond ASCII by rules of their own (SQLite not at
 * all), so those are tried as written, in lower case, in upper case and capitalised: the same users on both, but
 * not every mix.
 *
 * @param query of at least one character.
 */
export function beginnings(db: Read, query: string): Beginning[] {
  const plain = asciiLower(query);
  return [
    beginning(db, 'email_key', plain),
    beginning(db, 'username', plain),
    ...spellings(query).flatMap((text) => [
      beginning(db, 'lower(email)', text),
      beginning(db, 'lower(name)', text),
    ]),
  ];
}

function spellings(text: string): string[] {
  const lower = text.toLowerCase();
  const capitalised = lower.replace(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
  return [...new Set([text, lower, text.toUpperCase(), capitalised].map(asciiLower))];
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A range, because SQLite would use no index for `like` with a parameter. */
function beginning(db: Read, what: Searched, start: string): Beginning {
  const searched = inByteOrder(db, sql.raw(what));
  const end = endOf(start);
  const condition =
    end === undefined
      ? sql<SqlBool>`${searched} >= ${start}`
      : sql<SqlBool>`(${searched} >= ${start} and ${searched} < ${end})`;
  return { searched, condition };
}

const LAST = 0x10ffff;
const SURROGATES = { first: 0xd800, next: 0xe000 };

/** The least text behind all that begin with `start`; undefined if there is none. */
export function endOf(start: string): string | undefined {
  const characters = Array.from(start, (character) => character.codePointAt(0) ?? 0);
  while (characters.at(-1) === LAST) characters.pop();
  const last = characters.pop();
  if (last === undefined) return undefined;
  const next = last + 1 === SURROGATES.first ? SURROGATES.next : last + 1;
  return String.fromCodePoint(...characters, next);
}
