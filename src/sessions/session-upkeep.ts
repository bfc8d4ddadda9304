import { setImmediate as turn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import { NIL_UUID } from '../database/uuid-type.js';
import { SessionUpkeepRepository } from './session-upkeep.repository.js';

/** How many rows one step of the sweep looks at. */
const SWEPT = 500;
/** How many rows are counted in one go. */
const COUNTED = 5_000;

/** What is done with all sessions, whoever's they are: counting them and removing what is over. */
@Injectable()
export class SessionUpkeep {
  #sweptTo = NIL_UUID;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<LatchkeyConfig, 'accessTokenTtl'>,
    private readonly database: Database,
    private readonly rows: SessionUpkeepRepository,
    private readonly clock: Clock,
  ) {}

  /**
   * Live sessions of all users. Reads the whole table, so it is for metrics, not for requests; bit by bit, so
   * that requests do not wait for it. What starts or ends meanwhile may or may not be counted.
   */
  async count(): Promise<number> {
    const now = this.clock.now();
    let count = 0;
    let after: string | undefined = NIL_UUID;
    while (after !== undefined) {
      const from: string = after;
      const { live, last } = await this.database.read((db) =>
        this.rows.countLive(db, now, from, COUNTED),
      );
      count += live;
      after = last;
      await turn();
    }
    return count;
  }

  /**
   * Removes what is over and whose last access token has expired, walking the primary key a small stretch
   * at a time; each call goes on where the one before left off.
   *
   * @returns how many rows it removed.
   */
  async sweep(stretches = 20): Promise<number> {
    const grace = (this.config.accessTokenTtl + 120) * 1000;
    let removed = 0;
    for (let step = 0; step < stretches; step += 1) {
      const deadBefore = this.clock.now() - grace;
      const found = await this.database.read((db) =>
        this.rows.stretch(db, this.#sweptTo, deadBefore, SWEPT),
      );
      const dead = found.filter((row) => row.dead).map((row) => row.id);
      if (dead.length > 0) await this.database.write((db) => this.rows.remove(db, dead));
      removed += dead.length;
      const last = found.length < SWEPT ? undefined : found.at(-1);
      this.#sweptTo = last?.id ?? NIL_UUID;
      if (last === undefined) break;
    }
    return removed;
  }
}
