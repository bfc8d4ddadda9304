import type { UserRecord } from '../users/user-store.js';

/** How somebody proved who they are (RFC 8176); the values of the claim `amr`. */
export type AuthenticationMethod = 'pwd';

/**
 * Somebody has proved who they are. A sign-in method makes it, never a controller, and `SignInService.complete` starts
 * the session. It says nothing about what else a sign-in needs.
 */
export interface Authentication {
  user: UserRecord;
  /** In the order in which they were proved. */
  methods: readonly AuthenticationMethod[];
  /**
   * Whether the proof still holds for the user as they are now. Asked once the session row exists, because the
   * credential may have been replaced meanwhile. Need not look at `disabled`.
   */
  isStillValid(current: UserRecord): boolean | Promise<boolean>;
}
