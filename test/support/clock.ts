import { Clock } from '../../src/contract/clock.js';

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As in `90s`, `10m`, `12h`, `30d`. */
export type Span = `${number}${keyof typeof UNITS}`;

/** @returns milliseconds. */
export function milliseconds(span: Span): number {
  const unit = span.slice(-1) as keyof typeof UNITS;
  return Number(span.slice(0, -1)) * UNITS[unit];
}

/** Stands still until it is moved. */
export class MovableClock extends Clock {
  #now = Date.now();

  override now(): number {
    return this.#now;
  }

  advance(span: Span): void {
    this.#now += milliseconds(span);
  }

  setBack(span: Span): void {
    this.#now -= milliseconds(span);
  }

  /** Whole seconds since the epoch. */
  seconds(): number {
    return Math.floor(this.#now / 1000);
  }
}

/** Runs like the machine's, from where it was moved to: for those who look at that one too. */
export class RunningClock extends MovableClock {
  readonly #since = Date.now();

  override now(): number {
    return super.now() + Date.now() - this.#since;
  }
}
