import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** An encrypted key as it lies in the database. */
export interface WrappedKey {
  /** base64url of nonce (12 bytes), tag (16 bytes), ciphertext. */
  wrapped: string;
  /** Fingerprint of the secret that wraps it. */
  wrappedBy: string;
}

/** What a wrapped key is bound to: it can't be opened under another purpose or id. */
export interface KeyName {
  id: string;
  purpose: string;
}

const NONCE = 12;
const TAG = 16;

/**
 * Encrypts keys with AES-256-GCM under keys derived from `LATCHKEY_SECRET` by HKDF-SHA256 (RFC 5869).
 * It does not keep anything: see `KeyVault`.
 */
export class KeyWrap {
  /** Fingerprint of the newest secret. Derived one way, so it gives nothing of the secret away. */
  readonly newest: string;
  readonly #keys = new Map<string, Buffer>();

  /** @param secrets newest first; at least one. */
  constructor(secrets: readonly string[]) {
    for (const secret of secrets) this.#keys.set(fingerprint(secret), derive(secret, 'wrap', 32));
    const [newest] = this.#keys.keys();
    if (newest === undefined) throw new Error('There is no secret to wrap keys with');
    this.newest = newest;
  }

  /** Encrypts under the newest secret. */
  wrap(name: KeyName, plain: Uint8Array): WrappedKey {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#key(this.newest), nonce);
    cipher.setAAD(binding(name));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    const wrapped = Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
    return { wrapped, wrappedBy: this.newest };
  }

  /** @returns undefined when no listed secret opens it, or it has been tampered with. */
  unwrap(name: KeyName, { wrapped, wrappedBy }: WrappedKey): Buffer | undefined {
    const key = this.#keys.get(wrappedBy);
    const bytes = Buffer.from(wrapped, 'base64url');
    if (key === undefined || bytes.length <= NONCE + TAG) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), {
      authTagLength: TAG,
    });
    decipher.setAAD(binding(name));
    decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  #key(wrappedBy: string): Buffer {
    const key = this.#keys.get(wrappedBy);
    if (key === undefined) throw new Error('There is no such wrapping key');
    return key;
  }
}

function fingerprint(secret: string): string {
  return derive(secret, 'fingerprint', 9).toString('base64url');
}

function derive(secret: string, use: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `latchkey key wrap v1: ${use}`, length));
}

function binding({ purpose, id }: KeyName): Buffer {
  return Buffer.from(JSON.stringify([purpose, id]));
}
