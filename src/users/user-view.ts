import type { UserView } from '../contract/responses.js';
import type { UserRecord } from './user-store.js';

/** A user as the outside sees one: without the password hash, and without whether he is disabled. */
export function userView(user: UserRecord): UserView {
  return {
    id: user.id,
    email: user.email,
    emailVerified: user.emailVerified,
    username: user.username,
    name: user.name,
    roles: [...user.roles],
    createdAt: user.createdAt.toISOString(),
  };
}
