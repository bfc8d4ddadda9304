import { createHash, randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { v7 as uuid } from 'uuid';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import type { RefreshOutcome, SessionView, Transport } from '../contract/responses.js';
import { Batch, batchedReads } from '../database/batch.js';
import { Database } from '../database/database.js';
import type { Read } from '../database/schema.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import { isUuid } from '../database/uuid-type.js';
import { type EndReason, LatchkeyEvents } from '../events.js';
import type { Advance } from './advance.js';
import { judge } from './rotation.js';
import {
  type FoundSession,
  type Session,
  type SessionRow,
  SessionRepository,
} from './session.repository.js';
import { sessionView } from './session-view.js';
import { StatusIndexes } from './status-indexes.js';

export interface NewSession {
  userId: string;
  transport: Transport;
  ip: string | null;
  userAgent: string | null;
}

export interface Renewal {
  outcome: RefreshOutcome;
  /** The session after the renewal, as the new refresh token is made from it. */
  session: Session;
}

/** Milliseconds for which a renewal is tried again that came to the database too late, or behind another one. */
const TRYING = 2_000;

/** Sign-ins on devices: started, renewed, listed, ended. Knows nothing of tokens and HTTP. */
@Injectable()
export class Sessions {
  readonly #logger = new Logger('Sessions');
  readonly #byId: Batch<string, FoundSession | undefined>;
  readonly #live: Batch<string, boolean>;
  readonly #advances: Batch<Advance, boolean>;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly database: Database,
    private readonly rows: SessionRepository,
    private readonly clock: Clock,
    private readonly events: LatchkeyEvents,
    private readonly statusIndexes: StatusIndexes,
  ) {
    this.#byId = batchedReads(database, (db, ids) => rows.findMany(db, ids));
    this.#live = new Batch(
      (work) => database.read(work),
      (db, ids) => this.#areAlive(db, ids),
    );
    this.#advances = new Batch(
      (work) => database.write(work),
      (db, changes) => this.#advanceAll(db, changes),
    );
  }

  /** The caller must look at the user once more afterwards: it may have been disabled meanwhile. */
  async start(wanted: NewSession): Promise<SessionRow> {
    const now = this.clock.now();
    const session: SessionRow = {
      ...wanted,
      id: uuid({ msecs: now }),
      seed: randomBytes(16).toString('base64url'),
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      expiresAt: this.#endAfter(now, now),
      retryKey: null,
      endedAt: null,
      endReason: null,
      statusIndex: await this.statusIndexes.take(),
    };
    await this.database.write((db) => this.rows.insert(db, session));
    return session;
  }

  /** @returns undefined for an unknown session; one that has ended is still found for a while. */
  find(id: string): Promise<FoundSession | undefined> {
    return isUuid(id) ? this.#byId.add(id) : Promise.resolve(undefined);
  }

  /** Sessions from before there were status lists get their place when they are renewed. */
  async withStatusIndex(session: FoundSession): Promise<FoundSession> {
    if (session.statusIndex !== null) return session;
    const index = await this.statusIndexes.take();
    const row = await this.database.write((db) => this.rows.giveStatusIndex(db, session.id, index));
    return row === undefined ? session : { ...row, readAt: session.readAt };
  }

  /** For every guarded request, so it reads no more than it must. */
  isAlive(id: string): Promise<boolean> {
    return isUuid(id) ? this.#live.add(id) : Promise.resolve(false);
  }

  /**
   * Renews by the rules of `docs/rotation.md`. What it answers is on disk.
   *
   * @param found the session as it was read a moment ago.
   * @param generation of the presented token, whose signature and seed have been checked.
   * @param idempotencyKey of the request, if it had one.
   * @throws StorageUnavailableError when the database is too slow for it; nothing is consumed then.
   */
  async renew(
    found: FoundSession,
    generation: number,
    idempotencyKey: string | undefined,
  ): Promise<Renewal> {
    const retryKey = idempotencyKey === undefined ? null : digest(found.id, idempotencyKey);
    const latest = performance.now() + TRYING;
    let session: FoundSession | undefined = found;
    while (session !== undefined) {
      const now = this.clock.now();
      const window = this.config.refreshRetryWindow * 1000;
      const verdict = judge(session, { generation, retryKey }, now, window);
      if (verdict === 'replay') return { outcome: 'replayed', session };
      if (verdict === 'reject') break;
      if (verdict === 'reuse') {
        await this.#endForReuse(session);
        break;
      }
      const expiresAt = this.#endAfter(now, session.createdAt);
      const deadline = session.readAt + this.database.patience;
      const change = { id: session.id, generation, retryKey, now, expiresAt, deadline };
      if (await this.#advances.add(change)) {
        const moved = { generation: generation + 1, rotatedAt: now, expiresAt, retryKey };
        return { outcome: 'rotated', session: { ...session, ...moved } };
      }
      if (performance.now() > latest) throw new StorageUnavailableError('each try came too late');
      session = await this.find(session.id);
    }
    return { outcome: 'rejected', session: found };
  }

  async list(userId: string, currentId?: string): Promise<SessionView[]> {
    const now = this.clock.now();
    const rows = await this.database.read((db) => this.rows.listLive(db, userId, now));
    return rows.map((row) => sessionView(row, currentId));
  }

  /** @returns false when the user has no such live session. */
  async endOne(userId: string, id: string, reason: EndReason): Promise<boolean> {
    if (!isUuid(id)) return false;
    const now = this.clock.now();
    const ended = await this.database.write((db) => this.rows.end(db, id, userId, now, reason));
    this.tellEnded(userId, reason, ended ? 1 : 0);
    return ended;
  }

  /** @param except a session that goes on. @returns how many ended. */
  async endAll(userId: string, reason: EndReason, except?: string): Promise<number> {
    const count = await this.database.write((db) => this.endAllIn(db, userId, reason, except));
    this.tellEnded(userId, reason, count);
    return count;
  }

  /**
   * Ends the user's other sessions if this one is alive. Of several that do so at once one stays, not none.
   *
   * @returns false when it is over.
   */
  async endOthers(userId: string, id: string, reason: EndReason): Promise<boolean> {
    const ended = await this.database.transaction(async (trx) => {
      await this.database.lock(trx, `sessions:${userId}`);
      const alive = (await this.rows.findLive(trx, [id], this.clock.now())).has(id);
      return alive ? this.endAllIn(trx, userId, reason, id) : undefined;
    });
    this.tellEnded(userId, reason, ended ?? 0);
    return ended !== undefined;
  }

  /** The same inside a caller's transaction, who tells of it (`tellEnded`) once that is committed. */
  endAllIn(db: Read, userId: string, reason: EndReason, except?: string): Promise<number> {
    return this.rows.endAll(db, userId, this.clock.now(), reason, except);
  }

  tellEnded(userId: string, reason: EndReason, count: number): void {
    if (count > 0) this.events.tell('sessionsEnded', { userId, reason, count });
  }

  /**
   * The renewals of a batch in one statement. Of several that want the same session only the first is
   * tried: the others have come too late, whatever becomes of it.
   */
  async #advanceAll(db: Read, changes: readonly Advance[]): Promise<boolean[]> {
    const first = new Map<string, Advance>();
    for (const change of changes) if (!first.has(change.id)) first.set(change.id, change);
    const wanted = [...first.values()];
    const advanced = await this.rows.advance(db, wanted);
    return changes.map((change) => first.get(change.id) === change && advanced.has(change.id));
  }

  async #areAlive(db: Read, ids: readonly string[]): Promise<boolean[]> {
    const now = this.clock.now();
    const live = await this.rows.findLive(db, [...new Set(ids)], now);
    return ids.map((id) => live.has(id));
  }

  /** When a session that is idle from `now` on ends, at the latest at its full age. Milliseconds. */
  #endAfter(now: number, createdAt: number): number {
    const { refreshTokenTtl, sessionMaxAge } = this.config;
    return Math.min(now + refreshTokenTtl * 1000, createdAt + sessionMaxAge * 1000);
  }

  async #endForReuse({ id, userId }: Session): Promise<void> {
    if (!(await this.endOne(userId, id, 'token_reuse'))) return;
    this.#logger.warn(`a replaced refresh token was used: session ${id} of user ${userId} ended`);
    this.events.tell('tokenReuse', { sessionId: id, userId });
  }
}

function digest(sessionId: string, idempotencyKey: string): string {
  return createHash('sha256')
    .update(`${sessionId}.${idempotencyKey}`)
    .digest('base64url')
    .slice(0, 22);
}
