import type { AdminUserView, UserView } from '../contract/responses.js';
import type { UserRecord } from './user-store.js';

/** @param restsUntil when the password may be tried again (ms), if it rests. */
export function adminUserView(user: UserRecord, restsUntil: number | undefined): AdminUserView {
  return {
    ...userView(user),
    disabled: user.disabled,
    lockedUntil: restsUntil === undefined ? null : new Date(restsUntil).toISOString(),
  };
}

/** A user as the outside sees one: without the password hash, and without whether they are disabled. */
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
