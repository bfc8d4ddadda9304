import { Clock } from '../contract/clock.js';
import { milliseconds } from './duration.js';

/** A clock that stands still until it is moved. */
export class MovableClock extends Clock {
  #now = Date.now();

  override now(): number {
    return this.#now;
  }

  /** @param duration such as `11m`, or milliseconds. @throws RangeError for anything else. */
  advance(duration: string | number): void {
    this.#now += milliseconds(duration);
  }

  setBack(duration: string | number): void {
    this.#now -= milliseconds(duration);
  }

  /** Back to the machine's time. */
  reset(): void {
    this.#now = Date.now();
  }

  /** Whole seconds since the epoch. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }
}

/** A clock that goes on as the machine's does, from wherever it is moved to. */
export class RunningClock extends MovableClock {
  #since = Date.now();

  override now(): number {
    return super.now() + Date.now() - this.#since;
  }

  override reset(): void {
    super.reset();
    this.#since = Date.now();
  }
}
