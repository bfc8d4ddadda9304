import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely';
import type { Schema } from '../database/schema.js';

/**
 * Finds users whose e-mail, user name or name begins with a text, whatever the case of its letters. The
 * databases lower-case letters beyond ASCII by rules of their own (SQLite not at all), so those are tried
 * as written, in lower case, in upper case and capitalised: the same users on both, but not every mix.
 */
export function beginsWith(query: string) {
  return (from: ExpressionBuilder<Schema, 'users'>): Expression<SqlBool> => {
    const plain = startPattern(asciiLower(query));
    const names = spellings(query).map((text) => like('lower(name)', startPattern(text)));
    return from
      .or([like('email_key', plain), like('lower(email)', plain), like('username', plain)])
      .or(from.or(names));
  };
}

function spellings(text: string): string[] {
  const lower = text.toLowerCase();
  const capitalised = lower.replace(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
  return [...new Set([text, lower, text.toUpperCase(), capitalised].map(asciiLower))];
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Wildcards in the text stand for themselves. */
function startPattern(text: string): string {
  return `${text.replace(/[!%_]/g, '!$&')}%`;
}

/** @param what SQL; never from a request. */
function like(what: 'email_key' | 'lower(email)' | 'username' | 'lower(name)', pattern: string) {
  return sql<SqlBool>`${sql.raw(what)} like ${pattern} escape '!'`;
}
