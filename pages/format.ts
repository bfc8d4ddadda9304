const DATE = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const CLOCK = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' });
const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const STEPS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** `Nov 21, 2026` @param time RFC 3339 or milliseconds. */
export function date(time: string | number): string {
  return DATE.format(new Date(time));
}

/** `Nov 21, 2026, 7:55 AM` */
export function moment(time: string | number): string {
  return MOMENT.format(new Date(time));
}

/** `07:55:02` */
export function clock(time: number): string {
  return CLOCK.format(new Date(time));
}

/** `5 minutes ago`; the date for what is more than a month past. */
export function ago(time: string): string {
  const past = Date.now() - Date.parse(time);
  if (past > 30 * 86_400_000) return date(time);
  const [unit, length] = STEPS.find(([, each]) => past >= each) ?? [];
  return unit === undefined ? 'just now' : AGO.format(-Math.floor(past / length), unit);
}

/** `9:41` @param time milliseconds, not below zero. */
export function countdown(time: number): string {
  const seconds = Math.ceil(Math.max(0, time) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
