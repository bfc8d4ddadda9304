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
  | { kind: 'delay'; duration: string }
  | { kind: 'unavailable' }
  | { kind: 'race'; with: number }
);

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
const ROUTE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) \/\S*$/;

/**
 * Checks what may have come from anywhere.
 *
 * @returns how often it strikes, and how long it delays (milliseconds).
 * @throws FaultRefused
 */
export function readFault(fault: Fault): { times: number; delay: number } {
  if (!ROUTE.test(fault.route)) {
    throw new FaultRefused('route', 'must be a method and a path, such as POST /auth/refresh');
  }
  if (!KINDS.includes(fault.kind)) {
    throw new FaultRefused('kind', `must be one of ${KINDS.join(', ')}`);
  }
  const { times = 1 } = fault;
  if (!isCount(times, 1)) throw new FaultRefused('times', 'must be a whole number from 1 to 1000');
  if (fault.kind === 'race' && !isCount(fault.with, 2)) {
    throw new FaultRefused('with', 'must be a whole number from 2 to 1000');
  }
  return { times, delay: fault.kind === 'delay' ? delayOf(fault.duration) : 0 };
}

function isCount(value: unknown, least: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= 1000;
}

function delayOf(duration: unknown): number {
  const delay = readDuration(duration);
  if (delay !== undefined && delay <= 60_000) return delay;
  throw new FaultRefused('duration', 'must be a duration of up to a minute, such as 300ms or 2s');
}
