/** A user as the service keeps one. */
export interface UserRecord {
  id: string;
  email: string;
  emailVerified: boolean;
  username: string | null;
  name: string | null;
  roles: readonly string[];
  disabled: boolean;
  /** As `PasswordHasher` made it, or a plain imported bcrypt hash; null: no password sign-in. */
  passwordHash: string | null;
  createdAt: Date;
}

/** What a registration brings. Addresses and names are already normalised. */
export interface NewUser {
  /** From an import: a UUID in lower case. Else the store gives one. */
  id?: string;
  /** From an import. Else the time of creation. */
  createdAt?: Date;
  email: string;
  emailVerified: boolean;
  username: string | null;
  name: string | null;
  roles: readonly string[];
  passwordHash: string | null;
}

/**
 * The port between AuthModule and whoever keeps the users. A host application implements it over its own
 * users and exports it from its users module under this class as the token. Ids may be any string up to
 * 255 characters that is never given to another user.
 */
export abstract class UserStore {
  /** @returns null for an unknown id. Must see every write that was answered before. */
  abstract findById(id: string): Promise<UserRecord | null>;

  /** Compares as `emailKey` does: case-insensitively. */
  abstract findByEmail(email: string): Promise<UserRecord | null>;

  /** @param username in lower case. */
  abstract findByUsername(username: string): Promise<UserRecord | null>;

  /** @throws Problem `email_taken` or `username_taken`; two creations at once must not both succeed. */
  abstract create(user: NewUser): Promise<UserRecord>;

  /**
   * Replaces the password hash, but only if it is still `from`; so a hash that is upgraded at a sign-in
   * never overwrites a password that is changed at the same moment.
   *
   * @returns whether it was replaced.
   */
  abstract replacePasswordHash(id: string, from: string | null, to: string): Promise<boolean>;
}
