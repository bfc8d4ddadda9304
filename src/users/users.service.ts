import { Injectable } from '@nestjs/common';
import { Clock } from '../contract/clock.js';
import { type Batch, batchedReads } from '../database/batch.js';
import { Database } from '../database/database.js';
import type { Write } from '../database/schema.js';
import { violatedPrimaryKey, violatedUnique } from '../database/storage-error.js';
import { emailKey, normalEmail } from '../http/email.js';
import { memberProblem, Problem } from '../http/problem.js';
import { readStrictBody } from '../http/strict-body.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.js';
import { PasswordRests } from '../passwords/password-rests.js';
import { Sessions } from '../sessions/sessions.js';
import { readCursor, writeCursor } from './user-cursor.js';
import { isUserId, UserIds } from './user-ids.js';
import { UserSearch } from './user-search.js';
import { type NewUser, type UserRecord, UserStore } from './user-store.js';
import { CreateUserDto, UpdateUserDto } from './users.dto.js';
import { type UserChanges, UsersRepository } from './users.repository.js';

const PAGE = 50;

export interface UserPage {
  items: UserRecord[];
  /** null on the last page. */
  nextCursor: string | null;
}

/** Latchkey's own users: what AuthModule needs of them, and their administration. Knows no HTTP. */
@Injectable()
export class UsersService extends UserStore {
  readonly #ids = new UserIds();
  readonly #byId: Batch<string, UserRecord | undefined>;

  constructor(
    private readonly database: Database,
    private readonly rows: UsersRepository,
    private readonly search: UserSearch,
    private readonly sessions: Sessions,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly rests: PasswordRests,
    private readonly clock: Clock,
  ) {
    super();
    this.#byId = batchedReads(database, (db, ids) => rows.findMany(db, ids));
  }

  override async findById(id: string): Promise<UserRecord | null> {
    return isUserId(id) ? ((await this.#byId.add(id)) ?? null) : null;
  }

  override findByEmail(email: string): Promise<UserRecord | null> {
    return this.database.read((db) => this.rows.findByEmail(db, email));
  }

  override findByUsername(username: string): Promise<UserRecord | null> {
    return this.database.read((db) => this.rows.findByUsername(db, username));
  }

  override async create(user: NewUser): Promise<UserRecord> {
    const now = this.clock.now();
    const record: UserRecord = {
      ...user,
      id: user.id ?? this.#ids.next(now),
      email: normalEmail(user.email),
      username: user.username?.toLowerCase() ?? null,
      disabled: false,
      createdAt: user.createdAt ?? new Date(now),
    };
    await orTaken(this.database.write((db) => this.rows.insert(db, record)));
    return record;
  }

  override async replacePasswordHash(
    id: string,
    from: string | null,
    to: string,
  ): Promise<boolean> {
    if (!isUserId(id)) return false;
    return this.database.write((db) => this.rows.replaceHash(db, id, from, to));
  }

  /** Lets a password that rests, or is locked for everybody, be tried again. @throws Problem `not_found`. */
  async unlock(id: string): Promise<void> {
    await this.get(id);
    await this.rests.reset(id, [['sign-in to', id]]);
  }

  /** Until when the passwords of these users rest. Those that do not are not in it. */
  restsOf(users: readonly UserRecord[]): Promise<ReadonlyMap<string, number>> {
    return this.rests.until(users.map(({ id }) => id));
  }

  /** @throws Problem `not_found`, for a malformed id too. */
  async get(id: string): Promise<UserRecord> {
    const user = await this.findById(id);
    if (user === null) throw new Problem('not_found');
    return user;
  }

  /**
   * A page of users, the newest first. Users who come or go meanwhile shift nothing.
   *
   * @param wanted `limit` 50 unless given; `cursor` from the page before; `query` as `beginnings` says.
   * @throws Problem `validation_failed` for a cursor that no page gave out.
   */
  async list(wanted: {
    limit?: number | undefined;
    cursor?: string | undefined;
    query?: string | undefined;
  }): Promise<UserPage> {
    const { limit = PAGE, query } = wanted;
    const after = wanted.cursor === undefined ? undefined : readCursor(wanted.cursor);
    const found = await this.search.page({ limit: limit + 1, after }, query);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const more = found.length > limit && last !== undefined;
    const nextCursor = more
      ? writeCursor({ createdAt: last.createdAt.getTime(), id: last.id })
      : null;
    return { items, nextCursor };
  }

  /**
   * Creates a user without signing him in. Checks the members itself: the command line comes here too.
   *
   * @throws Problem `validation_failed`, `email_taken`, `username_taken`, `overloaded`.
   */
  async createByAdmin(given: CreateUserDto): Promise<UserRecord> {
    const wanted = readStrictBody(CreateUserDto, { ...given });
    this.policy.assertGood('/password', wanted.password, wanted);
    return this.create({
      email: wanted.email,
      emailVerified: wanted.emailVerified ?? false,
      username: wanted.username ?? null,
      name: wanted.name ?? null,
      roles: wanted.roles ?? ['user'],
      passwordHash: await this.hasher.hash(wanted.password),
    });
  }

  /**
   * Changes a user. Disabling ends his sessions. Checks the members itself, like `createByAdmin`.
   *
   * @throws Problem `validation_failed`, `not_found`, `email_taken`, `username_taken`, `last_admin`.
   */
  async update(id: string, given: UpdateUserDto): Promise<UserRecord> {
    const changes = normalised(readStrictBody(UpdateUserDto, { ...given }));
    if (Object.keys(changes).length === 0) return this.get(id);
    const change = (trx: Write) => this.#change(trx, id, changes);
    if (changes.disabled !== true) return orTaken(this.database.transaction(change));
    const { result } = await orTaken(this.sessions.endAllWith(id, 'user_disabled', change));
    return result;
  }

  /**
   * Deletes a user and ends his sessions.
   *
   * @throws Problem `not_found`, `last_admin`.
   */
  async remove(id: string): Promise<void> {
    await this.sessions.endAllWith(id, 'user_deleted', async (trx) => {
      await this.database.lock(trx, 'admins');
      const user = await this.#find(trx, id);
      await this.#assertAdminRemains(trx, user, undefined);
      await this.rows.remove(trx, id);
    });
  }

  /**
   * Sets a password without asking for the current one, and ends the user's sessions.
   *
   * @throws Problem `validation_failed`, `not_found`, `overloaded`.
   */
  async setPassword(id: string, password: string): Promise<void> {
    this.policy.assertGood('/password', password, await this.get(id));
    const hash = await this.hasher.hash(password);
    await this.sessions.endAllWith(id, 'password_changed', async (trx) => {
      if (!(await this.rows.setHash(trx, id, hash))) throw new Problem('not_found');
    });
  }

  async #change(trx: Write, id: string, changes: UserChanges): Promise<UserRecord> {
    if (changes.roles !== undefined || changes.disabled !== undefined) {
      await this.database.lock(trx, 'admins');
    }
    const before = await this.#find(trx, id);
    await this.#assertAdminRemains(trx, before, { ...before, ...changes });
    const moved = changes.email !== undefined && emailKey(changes.email) !== emailKey(before.email);
    const after = await this.rows.update(trx, id, {
      ...changes,
      ...(moved ? { emailVerified: false } : {}),
    });
    if (after === null) throw new Problem('not_found');
    return after;
  }

  async #find(trx: Write, id: string): Promise<UserRecord> {
    const found = isUserId(id) ? (await this.rows.findMany(trx, [id])).get(id) : undefined;
    if (found === undefined) throw new Problem('not_found');
    return found;
  }

  /** Under the lock `admins`, so that two administrators can't remove one another at once. */
  async #assertAdminRemains(
    trx: Write,
    before: UserRecord,
    after: UserRecord | undefined,
  ): Promise<void> {
    if (!isActiveAdmin(before) || (after !== undefined && isActiveAdmin(after))) return;
    if (!(await this.rows.hasOtherAdmin(trx, before.id))) throw new Problem('last_admin');
  }
}

function isActiveAdmin(user: UserRecord): boolean {
  return !user.disabled && user.roles.includes('admin');
}

function normalised({ email, username, ...others }: UpdateUserDto): UserChanges {
  return {
    ...others,
    ...(email === undefined ? {} : { email: normalEmail(email) }),
    ...(username === undefined ? {} : { username: username?.toLowerCase() ?? null }),
  };
}

/** The database's unique columns decide: whoever looks first may still come second. */
async function orTaken<Result>(writing: Promise<Result>): Promise<Result> {
  try {
    return await writing;
  } catch (error) {
    if (violatedUnique(error, 'users_pkey') || violatedPrimaryKey(error)) {
      throw memberProblem('/id', 'belongs to another user');
    }
    if (violatedUnique(error, 'email_key')) throw new Problem('email_taken', { cause: error });
    if (violatedUnique(error, 'username')) throw new Problem('username_taken', { cause: error });
    throw error;
  }
}
