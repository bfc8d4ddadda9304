import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import type { SessionView } from '../contract/responses.js';
import { Database } from '../database/database.js';
import { readSessionCursor, writeSessionCursor } from './session-cursor.js';
import { expiryAfter, fullAge } from './session-life.js';
import { currentSessionView, otherSessionView } from './session-view.js';
import { UserSessionsRepository } from './user-sessions.repository.js';

/** A page of a user's sessions. */
export interface SessionPage {
  sessions: SessionView[];
  /** null on the last page. */
  nextCursor: string | null;
}

const PAGE_SIZE = 100;
const MAX_COUNTED = 10_000;

/** Shows a user's live sessions. */
@Injectable()
export class SessionList {
  constructor(
    @Inject(CONFIG)
    private readonly config: Pick<LatchkeyConfig, 'refreshTokenTtl' | 'sessionMaxAge'>,
    private readonly database: Database,
    private readonly rows: UserSessionsRepository,
    private readonly clock: Clock,
  ) {}

  /**
   * A page of a user's live sessions, those that began last first; on the first page the current one before them.
   *
   * @param page.cursor `nextCursor` of the page before.
   * @throws Problem `validation_failed` for a cursor that no page gave out.
   */
  async page(
    userId: string,
    page: { currentId?: string; cursor?: string | undefined } = {},
  ): Promise<SessionPage> {
    const { currentId, cursor } = page;
    const now = this.clock.now();
    const before = cursor === undefined ? undefined : readSessionCursor(cursor);
    const current =
      currentId === undefined || before !== undefined
        ? undefined
        : await this.database.read((db) => this.rows.findLiveOf(db, userId, currentId, now));
    const found = await this.database.read((db) =>
      this.rows.listLive(db, userId, now, { limit: PAGE_SIZE + 1, before, except: currentId }),
    );
    const rows = found.slice(0, PAGE_SIZE);
    const last = found.length > PAGE_SIZE ? rows.at(-1) : undefined;
    const sessions = rows.map((row) => otherSessionView(row, fullAge(this.config, row.createdAt)));
    if (current !== undefined) {
      const expiresAt = expiryAfter(this.config, now, current.createdAt);
      sessions.unshift(currentSessionView(current, now, expiresAt));
    }
    return { sessions, nextCursor: last === undefined ? null : writeSessionCursor(last.id) };
  }

  /** How many live sessions a user has; beyond 10,000 they are not counted. */
  countOf(userId: string): Promise<number> {
    const now = this.clock.now();
    return this.database.read((db) => this.rows.countLive(db, userId, now, MAX_COUNTED));
  }
}
