import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import type { KeysTable, Read, Write } from '../database/schema.js';
import type { WrappedKey } from './key-wrap.js';

export type KeyPurpose = 'pepper' | 'refresh' | 'proof' | 'signing';

/** A key as it is kept. Times are milliseconds since the epoch. */
export interface KeyRow extends WrappedKey {
  id: string;
  purpose: string;
  algorithm: string;
  /** JSON of the public part; null for symmetric keys. */
  publicJwk: string | null;
  createdAt: number;
  signsFrom: number;
}

const COLUMNS = [
  'id',
  'purpose',
  'algorithm',
  'wrapped',
  'wrapped_by',
  'public_jwk',
  'created_at',
  'signs_from',
] as const;

/** The statements on `keys`. */
@Injectable()
export class KeyRepository {
  async all(db: Read): Promise<KeyRow[]> {
    const rows = await db.selectFrom('keys').select(COLUMNS).orderBy('id').execute();
    return rows.map(fromTable);
  }

  async find(db: Read, id: string): Promise<KeyRow | undefined> {
    const row = await db.selectFrom('keys').select(COLUMNS).where('id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : fromTable(row);
  }

  /** In the order in which they sign. */
  async signing(db: Read): Promise<KeyRow[]> {
    const rows = await db
      .selectFrom('keys')
      .select(COLUMNS)
      .where('purpose', '=', 'signing')
      .orderBy('signs_from')
      .orderBy('created_at')
      .execute();
    return rows.map(fromTable);
  }

  /** @param trx that holds the lock `keys`, so that no other node inserts the same. */
  async insert(trx: Write, row: KeyRow): Promise<void> {
    await trx
      .insertInto('keys')
      .values({
        id: row.id,
        purpose: row.purpose,
        algorithm: row.algorithm,
        wrapped: row.wrapped,
        wrapped_by: row.wrappedBy,
        public_jwk: row.publicJwk,
        created_at: row.createdAt,
        signs_from: row.signsFrom,
      })
      .execute();
  }

  async rewrap(trx: Write, id: string, { wrapped, wrappedBy }: WrappedKey): Promise<void> {
    await trx
      .updateTable('keys')
      .set({ wrapped, wrapped_by: wrappedBy })
      .where('id', '=', id)
      .execute();
  }

  async signFrom(trx: Write, id: string, time: number): Promise<void> {
    await trx.updateTable('keys').set({ signs_from: time }).where('id', '=', id).execute();
  }

  async remove(db: Read, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await db.deleteFrom('keys').where('id', 'in', ids).execute();
  }
}

function fromTable(row: Selectable<KeysTable>): KeyRow {
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    wrapped: row.wrapped,
    wrappedBy: row.wrapped_by,
    publicJwk: row.public_jwk,
    createdAt: row.created_at,
    signsFrom: row.signs_from,
  };
}
