const UNITS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/**
 * @param duration milliseconds, or a text such as `300ms`, `30s`, `11m`, `12h`, `30d`.
 * @returns milliseconds; undefined for anything else.
 */
export function readDuration(duration: unknown): number | undefined {
  if (typeof duration === 'number') return duration >= 0 && duration <= 1e12 ? duration : undefined;
  if (typeof duration !== 'string') return undefined;
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(duration);
  const unit = UNITS.get(match?.[2] ?? '');
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** As `readDuration`. @throws RangeError for anything that is no duration. */
export function milliseconds(duration: unknown): number {
  const time = readDuration(duration);
  if (time !== undefined) return time;
  throw new RangeError('A duration is a number of milliseconds or a text such as 300ms, 30s, 11m');
}
