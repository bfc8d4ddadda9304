import { Problem } from './problem.js';

const DEEPEST = 32;

/** Whether a value is an object with members, as JSON knows one. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * Refuses what no DTO should ever see: nesting deeper than 32, and texts or member names with NUL (which
 * PostgreSQL can't keep) or lone surrogates (which UTF-8 can't say).
 *
 * @throws Problem `malformed_request`.
 */
export function assertGoodForm(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= DEEPEST && level.some(isContainer)) throw malformed('It is nested too deeply.');
    level = level.flatMap(contentOf);
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What an object or a list holds; texts are judged on the way. */
function contentOf(value: unknown): unknown[] {
  if (typeof value === 'string') assertGoodText(value);
  if (!isContainer(value)) return [];
  if (Array.isArray(value)) return value;
  Object.keys(value).forEach(assertGoodText);
  return Object.values(value);
}

function assertGoodText(text: string): void {
  if (text.includes('\0')) throw malformed('A text holds a NUL character.');
  if (/\p{Surrogate}/u.test(text)) throw malformed('A text holds half a surrogate pair.');
}

/** A `malformed_request` problem with a sentence of its own. */
export function malformed(detail: string): Problem {
  return new Problem('malformed_request', { detail });
}
