import { startTimer } from './timers.js';

/**
 * Does some work again and again, each time after as many milliseconds as the last run said. Keeps no
 * process alive, and never runs twice at once.
 */
export class Repeating {
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** @param work must not reject. */
  constructor(private readonly work: () => Promise<number>) {}

  start(delay: number): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    this.#cancel = startTimer(delay, () => void this.#run());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #run(): Promise<void> {
    const delay = await this.work();
    this.#cancel = undefined;
    this.start(delay);
  }
}
