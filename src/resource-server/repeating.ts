/**
 * Does some work again and again, each time after as many milliseconds as the last run said. Keeps no
 * process alive, and never runs twice at once.
 */
export class Repeating {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param work must not reject. */
  constructor(private readonly work: () => Promise<number>) {}

  start(delay: number): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#run(), delay).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const delay = await this.work();
    this.#timer = undefined;
    this.start(delay);
  }
}
