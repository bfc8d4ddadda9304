import { readDuration } from './duration.js';

/**
 * What goes wrong on purpose with the next request of a route (`times`: the next so many; default 1).
 *
 * - `lose-answer`: the service does its work, and the connection closes without an answer.
 * - `delay`: the request waits for `duration` (real time) before the service looks at it.
 * - `unavailable`: 503 with `Retry-After`, and nothing is done.
 * - `race`: requests wait for each other, until `with` of them have come, and go on together. If the last
 *   does not come within 10 s, those that wait get 503.
 */
export type Fault = {
  /** Method and path as the documentation writes them: `POST /auth/refresh`, `GET /users/:id`. */
  route: string;
  /** 1 to 1000. */
  times?: number;
} & (
  | { kind: 'lose-answer' }
  | { kind: 'delay'; duration: string | number }
  | { kind: 'unavailable' }
  | { kind: 'race'; with: number }
);

/** Every member that some kind has. */
type AllMembers = Record<'route' | 'kind' | 'times' | 'duration' | 'with', unknown>;

/** A fault that can't be ordered. The message follows the name of the member at fault. */
export class FaultRefused extends Error {
  override readonly name = 'FaultRefused';

  constructor(
    readonly member: string,
    readonly detail: string,
  ) {
    super(`${member} ${detail}`);
  }
}

const KINDS = ['lose-answer', 'delay', 'unavailable', 'race'];
/** Milliseconds. */
const LONGEST_DELAY = 60_000;
const ROUTE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) \/\S*$/;

/**
 * Checks what may have come from anywhere.
 *
 * @throws FaultRefused for the first member that is wrong, or has no meaning with this kind.
 */
export function asFault(given: Partial<AllMembers>): Fault {
  const { route, kind, times = 1, duration, with: many } = given;
  if (typeof route !== 'string' || !ROUTE.test(route)) {
    throw new FaultRefused('route', 'must be a method and a path, such as POST /auth/refresh');
  }
  if (!isCount(times, 1)) throw new FaultRefused('times', 'must be a whole number from 1 to 1000');
  if (kind !== 'delay' && duration !== undefined) throw new FaultRefused('duration', ONLY_DELAY);
  if (kind !== 'race' && many !== undefined) throw new FaultRefused('with', ONLY_RACE);
  switch (kind) {
    case 'lose-answer':
    case 'unavailable':
      return { route, times, kind };
    case 'delay':
      return { route, times, kind, duration: readDelay(duration) };
    case 'race':
      if (isCount(many, 2)) return { route, times, kind, with: many };
      throw new FaultRefused('with', 'must be a whole number from 2 to 1000');
    default:
      throw new FaultRefused('kind', `must be one of ${KINDS.join(', ')}`);
  }
}

const ONLY_DELAY = 'is only for a delay';
const ONLY_RACE = 'is only for a race';

function isCount(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 1000;
}

function readDelay(duration: unknown): string | number {
  const isText = typeof duration === 'string' || typeof duration === 'number';
  if (isText && (readDuration(duration) ?? Infinity) <= LONGEST_DELAY) return duration;
  throw new FaultRefused('duration', 'must be a duration of up to a minute, such as 300ms or 2s');
}
