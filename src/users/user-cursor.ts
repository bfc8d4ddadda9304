import { memberProblem } from '../http/problem.js';
import { isUserId } from './user-ids.js';

/** Where a page of the list ended: the last user on it. */
export interface UserCursor {
  /** Milliseconds since the epoch. */
  createdAt: number;
  id: string;
}

/** The cursor as clients pass it on: opaque to them, but no secret. */
export function writeCursor({ createdAt, id }: UserCursor): string {
  return Buffer.from(`${createdAt}.${id}`).toString('base64url');
}

/** @throws Problem `validation_failed` for what no page gave out. */
export function readCursor(text: string): UserCursor {
  const plain = Buffer.from(text, 'base64url').toString('latin1');
  const [, time = '', id = ''] = /^(\d{1,15})\.(.{36})$/.exec(plain) ?? [];
  const cursor = { createdAt: Number(time), id };
  if (!isUserId(id) || writeCursor(cursor) !== text) {
    throw memberProblem('/cursor', 'must be the nextCursor of a page');
  }
  return cursor;
}
