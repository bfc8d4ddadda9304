import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import type { ClientsTable, Read } from '../database/schema.js';

/** A service client as it is kept. */
export interface ClientRow {
  id: string;
  registration: string;
  secretHash: string;
  /** The secret before this one, and until when it is good (ms); null where there is none. */
  previousSecret: { hash: string; until: number } | null;
  scopes: string[];
  /** Empty for the audience of users' tokens. */
  audience: string[];
  /** Milliseconds since the epoch. */
  createdAt: number;
}

const COLUMNS = [
  'id',
  'registration',
  'secret_hash',
  'previous_secret_hash',
  'previous_secret_until',
  'scopes',
  'audience',
  'created_at',
] as const;

/** The statements on `clients`. */
@Injectable()
export class ClientRepository {
  /** @returns false when the id is taken; nothing is changed then. */
  async insert(db: Read, row: ClientRow): Promise<boolean> {
    const result = await db
      .insertInto('clients')
      .values({
        id: row.id,
        registration: row.registration,
        secret_hash: row.secretHash,
        scopes: JSON.stringify(row.scopes),
        audience: JSON.stringify(row.audience),
        created_at: row.createdAt,
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirst();
    return Number(result.numInsertedOrUpdatedRows) > 0;
  }

  async findMany(db: Read, ids: readonly string[]): Promise<ReadonlyMap<string, ClientRow>> {
    const rows = await db.selectFrom('clients').select(COLUMNS).where('id', 'in', ids).execute();
    return new Map(rows.map((row) => [row.id, fromTable(row)]));
  }

  async all(db: Read): Promise<ClientRow[]> {
    const rows = await db.selectFrom('clients').select(COLUMNS).orderBy('id').execute();
    return rows.map(fromTable);
  }

  /**
   * Replaces the secret of a client. The one that it had lives on until then; one before that does not.
   *
   * @param previousUntil null: the secret that it had dies at once.
   * @returns whether the client is there.
   */
  async replaceSecret(
    db: Read,
    id: string,
    secretHash: string,
    previousUntil: number | null,
  ): Promise<boolean> {
    const result = await db
      .updateTable('clients')
      .set((from) => ({
        secret_hash: secretHash,
        previous_secret_hash: previousUntil === null ? null : from.ref('secret_hash'),
        previous_secret_until: previousUntil,
      }))
      .where('id', '=', id)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** @returns whether it was there. */
  async remove(db: Read, id: string): Promise<boolean> {
    const result = await db.deleteFrom('clients').where('id', '=', id).executeTakeFirst();
    return result.numDeletedRows > 0n;
  }
}

function fromTable(row: Selectable<ClientsTable>): ClientRow {
  return {
    id: row.id,
    registration: row.registration,
    secretHash: row.secret_hash,
    previousSecret:
      row.previous_secret_hash === null
        ? null
        : { hash: row.previous_secret_hash, until: row.previous_secret_until ?? 0 },
    scopes: JSON.parse(row.scopes) as string[],
    audience: JSON.parse(row.audience) as string[],
    createdAt: row.created_at,
  };
}
