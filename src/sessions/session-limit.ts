import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import type { Read, Write } from '../database/schema.js';
import { LatchkeyEvents } from '../events.js';
import { UserSessionsRepository } from './user-sessions.repository.js';

/** Sessions that one sign-in ends at most: databases from before there was a limit may have many more. */
const CHUNK_SIZE = 500;

/** Keeps each user's sessions within `SESSIONS_PER_USER`. */
@Injectable()
export class SessionLimit {
  constructor(
    @Inject(CONFIG) private readonly config: Pick<LatchkeyConfig, 'sessionsPerUser'>,
    private readonly database: Database,
    private readonly rows: UserSessionsRepository,
    private readonly clock: Clock,
    private readonly events: LatchkeyEvents,
  ) {}

  /**
   * Ends the sessions beyond the limit that were used longest ago. Of a user who has more than 500 too many, those
   * that began first are compared, 500 end, and the next sign-ins go on.
   *
   * @param newest the session that has just begun; it is never ended.
   */
  async enforce(userId: string, newest: string): Promise<void> {
    const excess = await this.database.read((db) => this.#excess(db, userId));
    if (excess <= 0) return;
    const count = await this.database.transaction(async (trx) => {
      await this.database.lock(trx, `sessions:${userId}`);
      return this.#endExcess(trx, userId, newest);
    });
    if (count > 0) this.events.tell('sessionsEnded', { userId, reason: 'superseded', count });
  }

  /** Under the lock, so that sign-ins at once do not end one another's sessions. */
  async #endExcess(trx: Write, userId: string, newest: string): Promise<number> {
    const limit = await this.#excess(trx, userId);
    if (limit <= 0) return 0;
    const now = this.clock.now();
    const candidates = this.config.sessionsPerUser + CHUNK_SIZE;
    const wanted = { candidates, limit, except: newest };
    const ids = await this.rows.findLeastRecentlyUsed(trx, userId, now, wanted);
    return this.rows.endMany(trx, ids, now, 'superseded');
  }

  /** How many sessions there are beyond the limit, 500 at most. */
  async #excess(db: Read, userId: string): Promise<number> {
    const { sessionsPerUser } = this.config;
    const most = sessionsPerUser + CHUNK_SIZE;
    return (await this.rows.countLive(db, userId, this.clock.now(), most)) - sessionsPerUser;
  }
}
