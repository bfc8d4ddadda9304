/**
 * A stretch of time, the same on every node, in which status lists only gain bits. So nodes that know the
 * same sessions make the same lists, and lists stay small: each period forgets what is of no use any more.
 */
export interface Period {
  number: number;
  /** Sessions that ended before (ms) have no access token any more that anybody accepts. */
  endedSince: number;
  /** When lists of this period expire (seconds since the epoch): at the end of the next. */
  listsExpire: number;
}

/** What clocks of the service and of its readers may differ by, together (seconds). */
const LEEWAY = 60;

/**
 * A period lasts as long as an access token may be accepted. So a list can be used, from whenever it was
 * fetched, until the last token it tells of has expired.
 *
 * @param now milliseconds.
 * @param tokenLife seconds that an access token lives at most.
 */
export function periodAt(now: number, tokenLife: number): Period {
  const length = tokenLife + LEEWAY;
  const number = Math.floor(now / 1000 / length);
  return {
    number,
    endedSince: (number - 1) * length * 1000,
    listsExpire: (number + 2) * length,
  };
}
