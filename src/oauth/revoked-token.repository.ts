import { Injectable } from '@nestjs/common';
import type { Read } from '../database/schema.js';

/** The statements on `revoked_tokens`. */
@Injectable()
export class RevokedTokenRepository {
  /** @param expiresAt milliseconds since the epoch; the token is refused by itself from then on. */
  async insert(db: Read, id: string, expiresAt: number): Promise<void> {
    await db
      .insertInto('revoked_tokens')
      .values({ id, expires_at: expiresAt })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  }

  async has(db: Read, id: string): Promise<boolean> {
    const row = await db
      .selectFrom('revoked_tokens')
      .select('id')
      .where('id', '=', id)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** @returns how many it removed. */
  async removeExpired(db: Read, now: number, most: number): Promise<number> {
    const expired = db
      .selectFrom('revoked_tokens')
      .select('id')
      .where('expires_at', '<', now)
      .limit(most);
    const result = await db
      .deleteFrom('revoked_tokens')
      .where('id', 'in', expired)
      .executeTakeFirst();
    return Number(result.numDeletedRows);
  }
}
