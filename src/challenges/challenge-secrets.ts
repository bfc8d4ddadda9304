import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { bytesOfUuid, uuidOfBytes } from './uuid-bytes.js';

/**
 * What a secret is for. `challenge` is for the client that asked, `token` stands in a mailed link, `code` is
 * typed by a person.
 */
export type SecretKind = 'challenge' | 'token' | 'code';

/** The columns that a challenge's secrets are made from. None of them changes while the challenge lives. */
export interface SecretSource {
  /** UUID. */
  id: string;
  purpose: string;
  /** The client's half is handed out before anybody has looked for the account. */
  userId: string | null;
  /** Digest of what the challenge is bound to, such as an address and a password hash. */
  binding: string | null;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

export const CODE_DIGITS = 8;

const UUID_BYTES = 16;
const MAC_BYTES = 32;
/** Length of a challenge or token in base64url: 48 bytes. */
export const SECRET_LENGTH = ((UUID_BYTES + MAC_BYTES) / 3) * 4;

/**
 * Derives the secrets of challenges from their rows (HMAC-SHA-256, RFC 2104). A pure function of row and key, so
 * nothing that is stored makes or reveals a secret, and the same row gives the same secrets again.
 *
 * It does NOT judge whether a challenge is still open: `Challenges` does.
 */
export class ChallengeSecrets {
  constructor(private readonly key: KeyObject) {}

  /** @returns 64 base64url characters that begin with the row's id, for `challenge` and `token`. */
  secretOf(source: SecretSource, kind: 'challenge' | 'token'): string {
    return Buffer.concat([bytesOfUuid(source.id), this.#mac(source, kind)]).toString('base64url');
  }

  /** @returns eight decimal digits. Useless without the challenge or the account's session. */
  codeOf(source: SecretSource): string {
    const number = this.#mac(source, 'code').readBigUInt64BE() % 10n ** BigInt(CODE_DIGITS);
    return number.toString().padStart(CODE_DIGITS, '0');
  }

  /** Compares in constant time. @param presented as `idIn` accepted it, or a code of eight digits. */
  matches(source: SecretSource, kind: SecretKind, presented: string): boolean {
    const expected = kind === 'code' ? this.codeOf(source) : this.secretOf(source, kind);
    const [left, right] = [Buffer.from(expected), Buffer.from(presented)];
    return left.length === right.length && timingSafeEqual(left, right);
  }

  #mac({ id, purpose, userId, binding, createdAt }: SecretSource, kind: SecretKind): Buffer {
    const known = kind === 'challenge' ? [] : [userId, binding];
    return createHmac('sha256', this.key)
      .update(JSON.stringify([kind, purpose, id, createdAt, ...known]))
      .digest();
  }
}

/**
 * Reads the id that a challenge or token begins with. Does NOT check the rest of it.
 *
 * @returns undefined for anything that no challenge or token looks like.
 */
export function idIn(presented: string): string | undefined {
  if (presented.length !== SECRET_LENGTH) return undefined;
  const bytes = Buffer.from(presented, 'base64url');
  if (bytes.toString('base64url') !== presented) return undefined;
  return uuidOfBytes(bytes.subarray(0, UUID_BYTES));
}

/**
 * Reads a code as people type it: spaces and hyphens are ignored, only ASCII digits count.
 *
 * @returns undefined unless exactly eight digits remain.
 */
export function normalizeCode(typed: string): string | undefined {
  if (typed.length > 4 * CODE_DIGITS) return undefined;
  const digits = [...typed].filter((character) => character !== ' ' && character !== '-');
  const areDigits = digits.every((character) => character >= '0' && character <= '9');
  return areDigits && digits.length === CODE_DIGITS ? digits.join('') : undefined;
}
