import type { LatchkeyError } from './latchkey-error.js';

/** What `setTimeout` can wait at most (milliseconds); it takes more for nothing. */
const LONGEST = 2 ** 31 - 1;

/** One appointment. It may be kept late: a page that is hidden or asleep runs no timers. */
export class Timer {
  #pending: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(private readonly ring: () => void) {}

  /** Takes the place of the appointment before. @param wait milliseconds. */
  set(wait: number): void {
    this.stop();
    if (this.#closed) return;
    this.#pending = setTimeout(this.ring, Math.min(Math.max(wait, 0), LONGEST));
    letProcessEnd(this.#pending);
  }

  stop(): void {
    clearTimeout(this.#pending);
  }

  close(): void {
    this.#closed = true;
    this.stop();
  }
}

/** In Node a timer would keep the process from ending. */
function letProcessEnd(timer: unknown): void {
  const asked: { unref?(): void } = Object(timer);
  asked.unref?.();
}

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** However long `Retry-After` asks for. */
const LONGEST_SETBACK = 300_000;

/** Renewals that failed, and when the next one may be tried. Times are milliseconds. */
export class Setback {
  error: LatchkeyError | undefined;
  #count = 0;
  #until = 0;

  happened(error: LatchkeyError): void {
    this.error = error;
    this.#count += 1;
    this.#until =
      performance.now() +
      Math.min(LONGEST_SETBACK, Math.max(FIRST_WAIT, (error.retryAfter ?? 0) * 1000));
  }

  over(): void {
    this.error = undefined;
    this.#count = 0;
    this.#until = 0;
  }

  /** How long nobody should try at all, be it the timer or a call that needs a token. */
  left(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /** How long the timer should wait: twice as long each time, up to a minute, and not all pages alike. */
  backOff(): number {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#count);
    return this.left() + (wait * Math.random()) / 2;
  }
}
