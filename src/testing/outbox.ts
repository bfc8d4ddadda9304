import type { OutboxMessage } from './test-controls.js';

/** Keeps what the service would have sent. Nothing sends messages yet: who comes to do so records here. */
export class Outbox {
  #messages: OutboxMessage[] = [];

  record(message: OutboxMessage): void {
    this.#messages.push(message);
  }

  /** The oldest first. */
  list(): OutboxMessage[] {
    return [...this.#messages];
  }

  clear(): void {
    this.#messages = [];
  }
}
