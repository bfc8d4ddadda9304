import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { STATUS_LIST_SIZE } from '../contract/status-list.js';
import { Database } from '../database/database.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import { NIL_UUID } from '../database/uuid-type.js';
import { EndedSessions } from './ended-sessions.js';
import { type Period, periodAt } from './period.js';
import { type SessionEnd, StatusListRepository } from './status-list.repository.js';

/** What this node knew of the database at some moment. */
export interface Revocations {
  period: Period;
  /** When it was read (ms). */
  readAt: number;
  /** How many lists there are. */
  lists: number;
  /** Those of the period. The same object as long as the period lasts. */
  ended: EndedSessions;
}

/** How old the copy may be when it is asked for (ms). */
const YOUNG = 300;
/** How long a question waits for the database before it is answered from the copy (ms). */
const PATIENCE = 500;
/** How far back a read looks beyond the one before (ms): for clocks that differ, and late commits. */
const OVERLAP = 60_000;
/** How many indexes before its first one is given away a list is there. */
const AHEAD = 8_192;
/** How many ended sessions are read in one go. */
const PIECE = 2_500;
/** Behind every end there will be. */
const LATEST: SessionEnd = { endedAt: Number.MAX_SAFE_INTEGER, id: NIL_UUID };

/**
 * Follows which sessions end, on whatever node. Reads when it is asked, not by itself; all who ask in the
 * meantime share a read. While the database is away it answers with what it has.
 */
@Injectable()
export class RevocationFollower implements OnModuleInit {
  readonly #logger = new Logger('Revocation');
  #known: Revocations | undefined;
  #reading: Promise<void> | undefined;
  #lastRead = -Infinity;
  #failing = false;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly database: Database,
    private readonly rows: StatusListRepository,
    private readonly clock: Clock,
  ) {}

  /** A start waits no longer than a question does. */
  async onModuleInit(): Promise<void> {
    await this.current().catch(() => undefined);
  }

  /**
   * As of 300 ms ago at most, when the database answers in time.
   *
   * @throws StorageUnavailableError when the database has never been read.
   */
  async current(): Promise<Revocations> {
    if (performance.now() - this.#lastRead >= YOUNG) this.#reading ??= this.#read();
    if (this.#reading !== undefined) {
      await Promise.race([this.#reading, sleep(PATIENCE, undefined, { ref: false })]);
    }
    if (this.#known === undefined) throw new StorageUnavailableError('status lists not read yet');
    return this.#known;
  }

  /** Reads at once: what has been committed by now shows afterwards. */
  async refresh(): Promise<void> {
    await this.#reading;
    await (this.#reading ??= this.#read());
  }

  async #read(): Promise<void> {
    this.#lastRead = performance.now();
    try {
      this.#known = await this.#next(this.#known);
      if (this.#failing) this.#logger.log('The status lists follow the database again');
      this.#failing = false;
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      if (!this.#failing) this.#logger.warn(`The status lists stay as they are: ${reason}`);
      this.#failing = true;
    } finally {
      this.#reading = undefined;
    }
  }

  /** Each period begins with a read of all that counts in it; within it, what is new is added. */
  async #next(known: Revocations | undefined): Promise<Revocations> {
    const readAt = this.clock.now();
    const period = periodAt(readAt, this.config.accessTokenTtl);
    const goesOn = known?.period.number === period.number;
    const since = goesOn ? Math.min(known.readAt, readAt) - OVERLAP : period.endedSince;
    const ended = goesOn ? known.ended : new EndedSessions();
    await this.#readEnded(since, (index) => {
      ended.add(index);
      known?.ended.add(index);
    });
    const given = await this.database.read((db) => this.rows.given(db));
    return { period, readAt, lists: Math.floor((given + AHEAD) / STATUS_LIST_SIZE) + 1, ended };
  }

  /**
   * A piece at a time: after an incident there may be more than a request may wait for. The latest come first,
   * and `add` puts them where questions are answered from meanwhile.
   */
  async #readEnded(since: number, add: (statusIndex: number) => void): Promise<void> {
    let before: SessionEnd | undefined = LATEST;
    while (before !== undefined) {
      const from: SessionEnd = before;
      const some = await this.database.read((db) => this.rows.ended(db, since, from, PIECE));
      for (const { statusIndex } of some) add(statusIndex);
      before = some.length < PIECE ? undefined : some.at(-1);
      if (before !== undefined) await turn();
    }
  }
}
