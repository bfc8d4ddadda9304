import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { UserRecord } from './user-store.js';
import { type PageWanted, UsersRepository } from './users.repository.js';

/** So many users can be sorted for each page. */
const FEW = 2_000;
/** How many rows are looked at in one go, while others wait. */
const STRETCH = 5_000;

/** Lists users, the newest first, in the same few milliseconds however many there are. */
@Injectable()
export class UserSearch {
  constructor(
    private readonly database: Database,
    private readonly rows: UsersRepository,
  ) {}

  /** @param query how an e-mail, user name or name begins (`beginnings`); empty finds all. */
  async page(wanted: PageWanted, query = ''): Promise<UserRecord[]> {
    if (query === '') return this.database.read((db) => this.rows.list(db, wanted));
    const ids = await this.database.read((db) => this.rows.idsOfSome(db, query, FEW));
    if (ids.length === FEW) return this.#walk(query, wanted);
    return this.database.read((db) => this.rows.listOf(db, ids, wanted));
  }

  /** Where many are found, a page of them is soon full. */
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
