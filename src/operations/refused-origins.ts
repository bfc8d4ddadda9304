import { Logger } from '@nestjs/common';
import type { LatchkeyConfig } from '../config.js';

const INTERVAL_MS = 60_000;
const MAX_LENGTH = 200;

/** Says in the log, at most once a minute, which origin the browser keeps from our answers. */
export class RefusedOrigins {
  readonly #logger = new Logger('Cors');
  readonly #own: string;
  #loggedAt = -Infinity;

  constructor({ publicUrl }: Pick<LatchkeyConfig, 'publicUrl'>) {
    this.#own = new URL(publicUrl).origin;
  }

  note(origin: string | undefined): void {
    if (origin === undefined || origin === 'null' || origin === this.#own) return;
    const now = performance.now();
    if (now - this.#loggedAt < INTERVAL_MS) return;
    this.#loggedAt = now;
    this.#logger.warn(
      `a page of ${origin.slice(0, MAX_LENGTH)} called: its browser refuses the answer unless CORS_ORIGINS lists that origin`,
    );
  }
}
