import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SessionRepository } from './session.repository.js';

/**
 * How many a node reserves at once. Those it has not used when it stops are lost: there are enough. A place tells how many
 * sign-ins there were no more exactly than to this number.
 */
const BLOCK_SIZE = 1024;

/**
 * Gives each session its place in the status lists. Places are counted through the whole life of the
 * database and none is given twice, whatever ends or crashes. Those of a block are given in random order.
 */
@Injectable()
export class StatusIndexes {
  #left: number[] = [];
  #reserving: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: SessionRepository,
  ) {}

  /** @throws StorageUnavailableError */
  async take(): Promise<number> {
    for (;;) {
      const index = this.#left.pop();
      if (index !== undefined) return index;
      await (this.#reserving ??= this.#reserve());
    }
  }

  async #reserve(): Promise<void> {
    try {
      const end = await this.database.write((db) => this.rows.reserveStatusIndexes(db, BLOCK_SIZE));
      this.#left = shuffled(Array.from({ length: BLOCK_SIZE }, (_, at) => end - BLOCK_SIZE + at));
    } finally {
      this.#reserving = undefined;
    }
  }
}

/** In an order that nobody can guess (Fisher and Yates). */
function shuffled(items: readonly number[]): number[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    [result[last], result[other]] = [result[other] ?? 0, result[last] ?? 0];
  }
  return result;
}
