import { isUuid } from '../database/uuid-type.js';
import { memberProblem } from '../http/problem.js';

/** The cursor as clients pass it on: opaque to them, but no secret. */
export function writeSessionCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** @throws Problem `validation_failed` for what no page gave out. */
export function readSessionCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (isUuid(id) && writeSessionCursor(id) === cursor) return id;
  throw memberProblem('/cursor', 'must be the nextCursor of a page');
}
