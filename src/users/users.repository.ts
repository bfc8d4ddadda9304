import { Injectable } from '@nestjs/common';
import {
  type Selectable,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
  type Updateable,
} from 'kysely';
import { ListQuery } from '../database/list-query.js';
import type { Read, Schema, UsersTable, Write } from '../database/schema.js';
import { emailKey } from '../http/email.js';
import { beginnings } from './begins-with.js';
import type { UserCursor } from './user-cursor.js';
import type { UserRecord } from './user-store.js';

/** What may be changed of a user. Members that are left out stay as they are. */
export type UserChanges = Partial<
  Pick<UserRecord, 'email' | 'emailVerified' | 'username' | 'name' | 'roles' | 'disabled'>
>;

export interface PageWanted {
  limit: number;
  /** Where the page before ended. */
  after?: UserCursor | undefined;
}

/** The users found among some rows, and where these end; undefined at the end of the table. */
export interface SearchedStretch {
  users: UserRecord[];
  end: UserCursor | undefined;
}

const COLUMNS = [
  'id',
  'email',
  'email_verified',
  'username',
  'name',
  'roles',
  'password_hash',
  'disabled',
  'created_at',
] as const;

/** Written out, not as a parameter: else SQLite would not use the index that holds administrators alone. */
const ADMIN = sql<SqlBool>`roles like '%"admin"%'`;

type UserRow = Pick<Selectable<UsersTable>, (typeof COLUMNS)[number]>;

/** The statements on `users`. */
@Injectable()
export class UsersRepository {
  readonly #byIds = new ListQuery<string, UserRow>(
    (db, ids) => db.selectFrom('users').select(COLUMNS).where('id', 'in', ids).compile(),
    (id) => [id],
  );

  /** Fails on an e-mail or user name that is there already. */
  async insert(db: Read, user: UserRecord): Promise<void> {
    await db
      .insertInto('users')
      .values({
        id: user.id,
        email: user.email,
        email_key: emailKey(user.email),
        email_verified: Number(user.emailVerified),
        username: user.username,
        name: user.name,
        roles: JSON.stringify(user.roles),
        password_hash: user.passwordHash,
        disabled: Number(user.disabled),
        created_at: user.createdAt.getTime(),
      })
      .execute();
  }

  async findMany(db: Read, ids: readonly string[]): Promise<ReadonlyMap<string, UserRecord>> {
    const rows = await this.#byIds.run(db, ids);
    return new Map(rows.map((row) => [row.id, fromTable(row)]));
  }

  findByEmail(db: Read, email: string): Promise<UserRecord | null> {
    return this.#findBy(db, 'email_key', emailKey(email));
  }

  /** @param username in lower case. */
  findByUsername(db: Read, username: string): Promise<UserRecord | null> {
    return this.#findBy(db, 'username', username);
  }

  /** Newest first. */
  list(db: Read, wanted: PageWanted): Promise<UserRecord[]> {
    return pageOf(db.selectFrom('users'), wanted);
  }

  /**
   * Users whose e-mail, user name or name begins with `query`, each once, in no order.
   *
   * @returns `most` at most; fewer are all there are.
   */
  async someWhoBegin(db: Read, query: string, most: number): Promise<UserCursor[]> {
    const searches = beginnings(db, query).map(({ searched, condition }) => {
      const some = db.selectFrom('users').select(['id', 'created_at']).where(condition);
      return db.selectFrom(some.orderBy(searched).limit(most).as('some')).selectAll();
    });
    const all = searches.reduce((one, other) => one.union(other));
    return (await all.limit(most).execute()).map(cursorOf);
  }

  /** Looks through the next `size` rows, newest first, for users who begin with `query`. */
  async searchStretch(
    db: Read,
    query: string,
    { limit, after }: PageWanted,
    size: number,
  ): Promise<SearchedStretch> {
    const last = await behind(db.selectFrom('users'), after)
      .select(['id', 'created_at'])
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(size - 1)
      .limit(1)
      .executeTakeFirst();
    const end = last && cursorOf(last);
    const conditions = beginnings(db, query).map(({ condition }) => condition);
    const rows = db.selectFrom('users').where((from) => from.or(conditions));
    const within = end === undefined ? rows : rows.where(AGE, '>=', age(end));
    return { users: await pageOf(within, { limit, after }), end };
  }

  /** Fails on an e-mail or user name that somebody else has. @returns the user as he is now. */
  async update(trx: Write, id: string, changes: UserChanges): Promise<UserRecord | null> {
    const row = await trx
      .updateTable('users')
      .set(toTable(changes))
      .where('id', '=', id)
      .returning(COLUMNS)
      .executeTakeFirst();
    return row === undefined ? null : fromTable(row);
  }

  /** @returns whether the hash was still `from`. */
  async replaceHash(db: Read, id: string, from: string | null, to: string): Promise<boolean> {
    const result = await db
      .updateTable('users')
      .set({ password_hash: to })
      .where('id', '=', id)
      .where('password_hash', from === null ? 'is' : '=', from)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** Whatever the hash was. @returns whether the user is there. */
  async setHash(db: Read, id: string, hash: string): Promise<boolean> {
    const result = await db
      .updateTable('users')
      .set({ password_hash: hash })
      .where('id', '=', id)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  async remove(trx: Write, id: string): Promise<void> {
    await trx.deleteFrom('users').where('id', '=', id).execute();
  }

  /** Whether anybody else is an enabled administrator. Means little without the lock `admins`. */
  async hasOtherAdmin(trx: Write, id: string): Promise<boolean> {
    const other = await trx
      .selectFrom('users')
      .select('id')
      .where('id', '!=', id)
      .where('disabled', '=', 0)
      .where(ADMIN)
      .limit(1)
      .executeTakeFirst();
    return other !== undefined;
  }

  async #findBy(
    db: Read,
    column: 'email_key' | 'username',
    value: string,
  ): Promise<UserRecord | null> {
    const row = await db
      .selectFrom('users')
      .select(COLUMNS)
      .where(column, '=', value)
      .executeTakeFirst();
    return row === undefined ? null : fromTable(row);
  }
}

type FromUsers<Output> = SelectQueryBuilder<Schema, 'users', Output>;

/** What the index of the users' age holds, and in its order. */
const AGE = sql`(created_at, id)`;

function age({ createdAt, id }: UserCursor) {
  return sql`(${createdAt}, ${id})`;
}

function cursorOf(row: Pick<UserRow, 'id' | 'created_at'>): UserCursor {
  return { createdAt: row.created_at, id: row.id };
}

function behind<Output>(rows: FromUsers<Output>, cursor: UserCursor | undefined) {
  return cursor === undefined ? rows : rows.where(AGE, '<', age(cursor));
}

/** Newest first. */
async function pageOf(
  from: FromUsers<object>,
  { limit, after }: PageWanted,
): Promise<UserRecord[]> {
  const rows = await behind(from, after)
    .select(COLUMNS)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(fromTable);
}

function toTable(changes: UserChanges): Updateable<UsersTable> {
  const { email, emailVerified, username, name, roles, disabled } = changes;
  return {
    ...(email === undefined ? {} : { email, email_key: emailKey(email) }),
    ...(emailVerified === undefined ? {} : { email_verified: Number(emailVerified) }),
    ...(username === undefined ? {} : { username }),
    ...(name === undefined ? {} : { name }),
    ...(roles === undefined ? {} : { roles: JSON.stringify(roles) }),
    ...(disabled === undefined ? {} : { disabled: Number(disabled) }),
  };
}

function fromTable(row: UserRow): UserRecord {
  return {
    id: row.id,
    email: row.email,
    emailVerified: row.email_verified === 1,
    username: row.username,
    name: row.name,
    roles: JSON.parse(row.roles) as string[],
    disabled: row.disabled === 1,
    passwordHash: row.password_hash,
    createdAt: new Date(row.created_at),
  };
}
