import { localStorageIfAny } from './browser.js';
import { parseObject } from './json.js';
import { LatchkeyError } from './latchkey-error.js';
import type { TokenStorage } from './options.js';

/** What outlives a page. */
export interface Record {
  /** The refresh token; in body mode only. */
  token?: string;
  /** The session it belongs to. */
  sid?: string;
  /** The `Idempotency-Key` of a renewal with this token that has not been answered. */
  key?: string;
}

/**
 * The record in a storage. One that can't be written to (full, forbidden) is no reason to lose a session:
 * then it is kept in memory until it can be.
 */
export class Kept {
  #inMemory: Record | undefined;

  constructor(
    private readonly name: string,
    private readonly storage: TokenStorage | undefined,
  ) {
    if (storage === undefined) this.#inMemory = {};
  }

  /** @throws LatchkeyError when it can't be read: that is not to say that nothing is there. */
  async read(): Promise<Record> {
    if (this.#inMemory !== undefined || this.storage === undefined) return this.#inMemory ?? {};
    try {
      return recordIn(await this.storage.getItem(this.name));
    } catch {
      throw new LatchkeyError('unreadable_storage', 0, 'Storage unreadable');
    }
  }

  async write(record: Record): Promise<void> {
    if (this.storage === undefined) {
      this.#inMemory = record;
      return;
    }
    try {
      const empty = Object.keys(record).length === 0;
      await (empty
        ? this.storage.removeItem(this.name)
        : this.storage.setItem(this.name, JSON.stringify(record)));
      this.#inMemory = undefined;
    } catch {
      this.#inMemory = record;
    }
  }
}

/** In cookie mode nothing secret is kept, so what the page has is good enough. */
export function storageFor(
  transport: 'cookie' | 'body',
  wanted: TokenStorage | undefined,
): TokenStorage | undefined {
  return wanted ?? (transport === 'cookie' ? localStorageIfAny() : undefined);
}

function recordIn(text: string | null): Record {
  const value = parseObject(text) ?? {};
  const record: Record = {};
  if ('token' in value && typeof value.token === 'string') record.token = value.token;
  if ('sid' in value && typeof value.sid === 'string') record.sid = value.sid;
  if ('key' in value && typeof value.key === 'string' && /^\w{32}$/.test(value.key)) {
    record.key = value.key;
  }
  return record;
}

/** Visible ASCII, 128 random bits. `crypto.randomUUID` is missing on plain http. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
