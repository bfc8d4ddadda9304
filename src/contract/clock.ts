/** The one source of time. Injected everywhere, so that a test can move it. */
export abstract class Clock {
  /** Milliseconds since the epoch. May be set back; nothing may rely on it being monotonic. */
  abstract now(): number;
}

/** The machine's clock. */
export class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }
}

/** Whole seconds since the epoch, as JWT's NumericDate (RFC 7519 §2). */
export function epochSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
