import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely';
import type { Schema } from '../database/schema.js';

type Condition = (from: ExpressionBuilder<Schema, 'users'>) => Expression<SqlBool>;

/** What is searched. Each has an index in the order of its bytes. */
type Searched = 'email_key' | 'lower(email)' | 'username' | 'lower(name)';

/** Behind all that begins with the same text. */
const LAST_CHARACTER = '\u{10FFFF}';

/**
 * The conditions one of which holds for a user whose e-mail, user name or name begins with a text, whatever
 * the case of its letters. The databases lower-case ASCII alone here, so other letters are tried as written,
 * in lower case, in upper case and capitalised, but not in every mix.
 *
 * @param query of at least one character.
 */
export function beginnings(query: string): Condition[] {
  const plain = asciiLower(query);
  const names = spellings(query).map((text) => beginsWith('lower(name)', text));
  return [
    beginsWith('email_key', plain),
    beginsWith('lower(email)', plain),
    beginsWith('username', plain),
    ...names,
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

/** A range, because neither database would use an index for `like` with a parameter. */
function beginsWith(what: Searched, start: string): Condition {
  const searched = sql.raw(what);
  const end = `${start}${LAST_CHARACTER}`;
  return () => sql<SqlBool>`(${searched} >= ${start} and ${searched} < ${end})`;
}
