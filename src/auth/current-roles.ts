import { Injectable } from '@nestjs/common';
import type { AccessTokenClaims } from '../contract/claims.js';
import { UserStore } from '../users/user-store.js';

/** What a user may do now, whatever an access token of theirs says. */
@Injectable()
export class CurrentRoles {
  constructor(private readonly users: UserStore) {}

  /** @returns none for a narrowed token, and for a user who is gone or disabled. */
  async of({ sub, roles }: AccessTokenClaims): Promise<readonly string[]> {
    if (roles.length === 0) return [];
    const user = await this.users.findById(sub);
    return user === null || user.disabled ? [] : user.roles;
  }
}
