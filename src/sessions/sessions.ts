import { createHash, randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { v7 as uuid } from 'uuid';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import type { RefreshOutcome, Transport } from '../contract/responses.js';
import { Batch, batchedReads } from '../database/batch.js';
import { Database } from '../database/database.js';
import type { Read, Write } from '../database/schema.js';
import { StorageUnavailableError } from '../database/storage-error.js';
import { isUuid } from '../database/uuid-type.js';
import { type EndReason, LatchkeyEvents } from '../events.js';
import type { Advance } from './advance.js';
import { judge, keptRetryKey } from './rotation.js';
import {
  type FoundSession,
  type Session,
  type SessionRow,
  SessionRepository,
} from './session.repository.js';
import { SessionCutOff } from './session-cut-off.js';
import { expiryAfter } from './session-life.js';
import { SessionLimit } from './session-limit.js';
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

/** What ending all sessions of a user has done so far. They are over in any case. */
export interface EndedSessions {
  /** Rows that have ended with it. */
  count: number;
  /** Whether these were all; the others follow in chunks. */
  isDone: boolean;
}

/** Rolls back what was begun for a session that turned out to be over. */
class SessionOver extends Error {}

/** Milliseconds for which a renewal is tried again that came to the database too late, or behind another one. */
const TRYING = 2_000;

/** Sign-ins on devices: started, renewed, ended. Knows nothing of tokens and HTTP. */
@Injectable()
export class Sessions {
  readonly #logger = new Logger('Sessions');
  readonly #byId: Batch<string, FoundSession | undefined>;
  readonly #live: Batch<string, string | undefined>;
  readonly #advances: Batch<Advance, boolean>;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly database: Database,
    private readonly rows: SessionRepository,
    private readonly clock: Clock,
    private readonly events: LatchkeyEvents,
    private readonly statusIndexes: StatusIndexes,
    private readonly cutOffs: SessionCutOff,
    private readonly limit: SessionLimit,
  ) {
    this.#byId = batchedReads(database, (db, ids) => rows.findMany(db, ids));
    this.#live = new Batch(
      (work) => database.read(work),
      (db, ids) => this.#ownersOf(db, ids),
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
      seed: newSeed(),
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      expiresAt: expiryAfter(this.config, now, now),
      retryKey: null,
      endedAt: null,
      endReason: null,
      statusIndex: await this.statusIndexes.take(),
    };
    await this.database.write((db) => this.rows.insert(db, session));
    await this.limit.enforce(session.userId, session.id);
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
    return row === undefined ? session : { ...session, statusIndex: row.statusIndex };
  }

  /** Whether the session is live and this user's. For every guarded request, so it reads no more than it must. */
  async isAlive(id: string, userId: string): Promise<boolean> {
    return isUuid(id) && (await this.#live.add(id)) === userId;
  }

  /**
   * Renews by the rules of `docs/rotation.md`. What it answers is on disk.
   *
   * @param found the session as it was read a moment ago.
   * @param presented the token, whose signature and seed have been checked.
   * @param idempotencyKey of the request, if it had one.
   * @throws StorageUnavailableError when the database is too slow for it; nothing is consumed then.
   */
  async renew(
    found: FoundSession,
    { generation, expired }: { generation: number; expired: boolean },
    idempotencyKey: string | undefined,
  ): Promise<Renewal> {
    const retryKey = idempotencyKey === undefined ? null : digest(found.id, idempotencyKey);
    const latest = performance.now() + TRYING;
    let session: FoundSession | undefined = found;
    while (session !== undefined && session.seed === found.seed) {
      const now = this.clock.now();
      const window = this.config.refreshRetryWindow * 1000;
      const verdict = judge(session, { generation, expired, retryKey }, now, window);
      if (verdict === 'replay') return { outcome: 'replayed', session };
      if (verdict === 'reject') break;
      if (verdict === 'reuse') {
        await this.#endForReuse(session);
        break;
      }
      const expiresAt = expiryAfter(this.config, now, session.createdAt);
      const deadline = session.readAt + this.database.patience;
      const kept = keptRetryKey(retryKey, session.retryKey);
      const change = { id: session.id, generation, retryKey: kept, now, expiresAt, deadline };
      if (await this.#advances.add(change)) {
        const moved = { generation: generation + 1, rotatedAt: now, expiresAt, retryKey: kept };
        return { outcome: 'rotated', session: { ...session, ...moved } };
      }
      if (performance.now() > latest) throw new StorageUnavailableError('each try came too late');
      session = await this.find(session.id);
    }
    return { outcome: 'rejected', session: found };
  }

  /** @returns false when the user has no such live session. */
  async endOne(userId: string, id: string, reason: EndReason): Promise<boolean> {
    if (!isUuid(id)) return false;
    const now = this.clock.now();
    const ended = await this.database.write((db) => this.rows.end(db, id, userId, now, reason));
    if (ended) this.#emitEnded(userId, reason, 1);
    return ended;
  }

  /**
   * Ends all sessions of a user. It counts at once, for any number of them.
   *
   * @param except a session that goes on.
   */
  endAll(userId: string, reason: EndReason, except?: string): Promise<EndedSessions> {
    return this.endAllWith(userId, reason, () => Promise.resolve(), except).then(
      ({ ended }) => ended,
    );
  }

  /**
   * Changes something and ends all sessions of a user, in one transaction. A sign-in that is under way ends as well:
   * its session begins in an earlier epoch, or the caller looks at the user once more and sees the change.
   *
   * @param change awaits nothing but the database.
   * @param except a session that goes on.
   */
  async endAllWith<Result>(
    userId: string,
    reason: EndReason,
    change: (trx: Write) => Promise<Result>,
    except?: string,
  ): Promise<{ result: Result; ended: EndedSessions }> {
    const done = await this.database.transaction(async (trx) => {
      const result = await change(trx);
      const cutOff = await this.cutOffs.begin(trx, userId, reason);
      if (except !== undefined && isUuid(except)) {
        const kept = { id: except, userId };
        await this.rows.keep(trx, kept, cutOff.epoch, this.clock.now());
      }
      return { result, cutOff, ended: await this.cutOffs.endFirst(trx, cutOff) };
    });
    this.#emitEnded(userId, reason, done.ended.count);
    if (!done.ended.isDone) this.cutOffs.finishSoon(done.cutOff);
    return { result: done.result, ended: done.ended };
  }

  /**
   * Ends the user's other sessions if this one is alive. Of several that do so at once one stays, not none.
   *
   * @param options.reseed whether this one goes on with another seed: no copy of its refresh tokens is good then.
   * @returns this one; undefined when it is over, and nothing was ended.
   */
  async endOthers(
    session: { id: string; userId: string },
    reason: EndReason,
    { reseed }: { reseed: boolean },
  ): Promise<Session | undefined> {
    const { userId } = session;
    const found = reseed ? await this.find(session.id) : undefined;
    const done = await this.database
      .transaction(async (trx) => {
        const now = this.clock.now();
        const cutOff = await this.cutOffs.begin(trx, userId, reason);
        const renewal =
          found === undefined
            ? undefined
            : { seed: newSeed(), expiresAt: expiryAfter(this.config, now, found.createdAt) };
        const kept = await this.rows.keep(trx, session, cutOff.epoch, now, renewal);
        if (kept === undefined) throw new SessionOver();
        return { kept, cutOff, ended: await this.cutOffs.endFirst(trx, cutOff) };
      })
      .catch((error: unknown) => {
        if (error instanceof SessionOver) return undefined;
        throw error;
      });
    if (done === undefined) return undefined;
    this.#emitEnded(userId, reason, done.ended.count);
    if (!done.ended.isDone) this.cutOffs.finishSoon(done.cutOff);
    return done.kept;
  }

  #emitEnded(userId: string, reason: EndReason, count: number): void {
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

  /** Whose these sessions are, as far as they are live. */
  async #ownersOf(db: Read, ids: readonly string[]): Promise<(string | undefined)[]> {
    const now = this.clock.now();
    const live = await this.rows.findLive(db, [...new Set(ids)], now);
    return ids.map((id) => live.get(id));
  }

  async #endForReuse({ id, userId }: Session): Promise<void> {
    if (!(await this.endOne(userId, id, 'token_reuse'))) return;
    this.#logger.warn(`a replaced refresh token was used: session ${id} of user ${userId} ended`);
    this.events.tell('tokenReuse', { sessionId: id, userId });
  }
}

function newSeed(): string {
  return randomBytes(16).toString('base64url');
}

function digest(sessionId: string, idempotencyKey: string): string {
  return createHash('sha256')
    .update(`${sessionId}.${idempotencyKey}`)
    .digest('base64url')
    .slice(0, 22);
}
