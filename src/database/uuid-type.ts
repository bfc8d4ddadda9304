import { dialectOf } from './dialect.js';
import type { Read } from './schema.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The least of all (RFC 9562 §5.9), in text order too. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** The type of a column of UUIDs. PostgreSQL has one of its own. */
export function uuidTypeOf(db: Read): 'text' | 'uuid' {
  return dialectOf(db) === 'sqlite' ? 'text' : 'uuid';
}

/** Whether a text may be looked for in such a column (RFC 9562 §4, lower case): PostgreSQL fails on others. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
