import type { Kysely, Transaction } from 'kysely';

/*
 * Times are milliseconds since the epoch; truth values are 0 or 1: the same in both dialects.
 */

export interface UsersTable {
  id: string;
  /** As the user wrote it, trimmed. */
  email: string;
  /** What addresses are compared by. */
  email_key: string;
  email_verified: number;
  username: string | null;
  name: string | null;
  /** JSON list. */
  roles: string;
  password_hash: string | null;
  disabled: number;
  created_at: number;
}

export interface SessionsTable {
  id: string;
  user_id: string;
  transport: string;
  /** Random; without it nobody can make the session's refresh tokens, whoever knows the signing secret. */
  seed: string;
  /** How often the session was renewed. */
  generation: number;
  created_at: number;
  /** When the current generation was issued. */
  rotated_at: number;
  expires_at: number;
  /** Digest of the `Idempotency-Key` of the request that made the current generation. */
  retry_key: string | null;
  ip: string | null;
  user_agent: string | null;
  ended_at: number | null;
  end_reason: string | null;
  /** Its place, counted through all status lists; null until the next renewal for rows from before. */
  status_index: number | null;
  /** The user's epoch when it began; null for 0. */
  epoch: number | null;
}

export interface SessionEpochsTable {
  user_id: string;
  /** Sessions of an earlier epoch are over. */
  epoch: number;
  /** Why those of the epoch before ended. */
  reason: string;
  ended_at: number;
  /** 1 while rows are left whose session is over. */
  pending: number;
}

export interface KeysTable {
  id: string;
  /** `pepper`, `refresh`, `proof` or `signing`. */
  purpose: string;
  algorithm: string;
  /** The private part, encrypted under a key derived from `LATCHKEY_SECRET`. */
  wrapped: string;
  /** Which of the secrets wraps it. */
  wrapped_by: string;
  /** JWK of the public part; null for symmetric keys. */
  public_jwk: string | null;
  created_at: number;
  /** From when on it signs. */
  signs_from: number;
}

export interface AttemptsTable {
  /** Digest of what is counted: an address, an account, or both. */
  id: string;
  count: number;
  expires_at: number;
}

export interface CountersTable {
  name: string;
  /** How many have been given away. */
  value: number;
}

export interface ClientsTable {
  id: string;
  /** Random: tells a client from an earlier one of the same id. */
  registration: string;
  /** SHA-256 of the secret, in hexadecimal. */
  secret_hash: string;
  /** Of the secret before this one, while it lives on. */
  previous_secret_hash: string | null;
  previous_secret_until: number | null;
  /** JSON list. */
  scopes: string;
  /** JSON list; empty for the audience of users' tokens. */
  audience: string;
  created_at: number;
}

export interface RevokedTokensTable {
  /** `jti` of a service token. */
  id: string;
  expires_at: number;
}

export interface ChallengesTable {
  id: string;
  /** What it is asked for, such as `password_reset`. */
  purpose: string;
  /** null until the account has been looked up. */
  user_id: string | null;
  /** Digest of what it is bound to, such as an address and a password hash. */
  binding: string | null;
  /** JSON; null for none. Never a secret. */
  data: string | null;
  attempts: number;
  created_at: number;
  expires_at: number;
  /** null while it is open. */
  taken_at: number | null;
}

export interface Schema {
  users: UsersTable;
  sessions: SessionsTable;
  session_epochs: SessionEpochsTable;
  keys: KeysTable;
  attempts: AttemptsTable;
  counters: CountersTable;
  clients: ClientsTable;
  revoked_tokens: RevokedTokensTable;
  challenges: ChallengesTable;
}

/** Runs single statements. A `Write` is one of these too. */
export type Read = Kysely<Schema>;

/** An open transaction: what needs a lock, or several statements as one, asks for this type. */
export type Write = Transaction<Schema>;
