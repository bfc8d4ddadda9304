import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { UserCursor } from './user-cursor.js';
import type { UserRecord } from './user-store.js';
import { type PageWanted, UsersRepository } from './users.repository.js';

/** So many users can be sorted for each page. */
const FEW = 2_000;
/** How many rows are looked at in one go, while others wait. */
const STRETCH = 5_000;

/** Lists users, the newest first, without reading the whole table in one go. */
@Injectable()
export class UserSearch {
  constructor(
    private readonly database: Database,
    private readonly rows: UsersRepository,
  ) {}

  /** @param query how an e-mail, user name or name begins (`beginnings`); empty finds all. */
  async page(wanted: PageWanted, query = ''): Promise<UserRecord[]> {
    if (query === '') return this.database.read((db) => this.rows.list(db, wanted));
    const some = await this.database.read((db) => this.rows.someWhoBegin(db, query, FEW));
    return some.length < FEW ? this.#sorted(some, wanted) : this.#walk(query, wanted);
  }

  /** Goes on where users have been deleted meanwhile: a short page would be the last one. */
  async #sorted(some: readonly UserCursor[], { limit, after }: PageWanted): Promise<UserRecord[]> {
    const behind = some.filter((one) => after === undefined || byAge(after, one) < 0);
    const ids = behind.sort(byAge).map(({ id }) => id);
    const found: UserRecord[] = [];
    while (found.length < limit && ids.length > 0) {
      const next = ids.splice(0, limit - found.length);
      const users = await this.database.read((db) => this.rows.findMany(db, next));
      found.push(...next.flatMap((id) => users.get(id) ?? []));
    }
    return found;
  }

  /** Where many are found, a page of them is soon full, unless all of them are old. */
  async #walk(query: string, { limit, after }: PageWanted): Promise<UserRecord[]> {
    const found: UserRecord[] = [];
    let from = after;
    do {
      const wanted = { limit: limit - found.length, after: from };
      const stretch = await this.database.read((db) =>
        this.rows.searchStretch(db, query, wanted, STRETCH),
      );
      found.push(...stretch.users);
      from = stretch.end;
      await turn();
    } while (from !== undefined && found.length < limit);
    return found;
  }
}

/** The newest first. */
function byAge(one: UserCursor, other: UserCursor): number {
  if (one.createdAt !== other.createdAt) return other.createdAt - one.createdAt;
  if (one.id === other.id) return 0;
  return one.id > other.id ? -1 : 1;
}
