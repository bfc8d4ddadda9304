import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SessionRepository } from './session.repository.js';

/** How many a node takes at once. Those it has not used when it stops are lost: there are enough. */
const BLOCK = 64;

/**
 * Gives each session its place in the status lists. Places are counted through the whole life of the
 * database and none is given twice, whatever ends or crashes.
 */
@Injectable()
export class StatusIndexes {
  #next = 0;
  #end = 0;
  #reserving: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: SessionRepository,
  ) {}

  /** @throws StorageUnavailableError */
  async take(): Promise<number> {
    while (this.#next >= this.#end) await (this.#reserving ??= this.#reserve());
    const index = this.#next;
    this.#next += 1;
    return index;
  }

  async #reserve(): Promise<void> {
    try {
      this.#end = await this.database.write((db) => this.rows.reserveStatusIndexes(db, BLOCK));
      this.#next = this.#end - BLOCK;
    } finally {
      this.#reserving = undefined;
    }
  }
}
