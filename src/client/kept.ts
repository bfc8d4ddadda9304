import { browser, localStorageIfAny } from './browser.js';
import { parseObject } from './json.js';
import { LatchkeyError } from './latchkey-error.js';
import type { TokenStorage } from './options.js';

/** What outlives a page. */
export interface Record {
  /** The refresh token; in body mode only. */
  token?: string | undefined;
  /** The session it belongs to. */
  sid?: string | undefined;
  /** The `Idempotency-Key` of a renewal with this token that has not been answered. */
  key?: string | undefined;
  /** When a tab that can't tell the others of it renewed last, by this browser's clock (ms). */
  at?: number | undefined;
}

/** Milliseconds after which a request that another tab sent has arrived. */
const ON_THE_WAY = 2_000;

/**
 * The record in a storage. One that can't be written to (full, forbidden) is no reason to lose a session:
 * then it is kept in memory until it can be.
 */
export class Kept {
  #inMemory: Record | undefined;
  /** An `at` that need not be waited for: of a renewal by this tab, or waited for already. */
  #at: number | undefined;

  constructor(
    private readonly name: string,
    private readonly storage: TokenStorage | undefined,
  ) {
    if (storage === undefined) this.#inMemory = {};
  }

  /** @throws LatchkeyError when it can't be read: that is not to say that nothing is there. */
  async read(): Promise<Record> {
    if (this.#inMemory !== undefined) return this.#inMemory;
    try {
      return recordIn((await this.storage?.getItem(this.name)) ?? null);
    } catch {
      throw new LatchkeyError('unreadable_storage', 0, 'Storage unreadable');
    }
  }

  /** @returns `at` for what a renewal has brought, where the other tabs don't hear of it. */
  stamp(): number | undefined {
    return browser.document && !browser.BroadcastChannel ? (this.#at = Date.now()) : undefined;
  }

  /**
   * Where tabs can't tell one another that they have renewed, the next renewal waits until those that were
   * sent with the same token have arrived: behind it they would be taken for theft.
   *
   * @param signal ends the wait.
   * @returns whether it had to wait.
   */
  async letOthersArrive({ at = 0 }: Record, signal: AbortSignal): Promise<boolean> {
    const left = at + ON_THE_WAY - Date.now();
    if (at === this.#at || left <= 0) return false;
    this.#at = at;
    await new Promise((done) => {
      signal.addEventListener('abort', done);
      setTimeout(done, Math.min(left, ON_THE_WAY));
    });
    return true;
  }

  async write(record: Record): Promise<void> {
    if (this.storage === undefined) {
      this.#inMemory = record;
      return;
    }
    try {
      const json = JSON.stringify(record);
      await (json === '{}'
        ? this.storage.removeItem(this.name)
        : this.storage.setItem(this.name, json));
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

/** As it is in the storage, where others may have written. */
type Found = { [Name in keyof Record]?: unknown };

function recordIn(json: string | null): Record {
  const { token, sid, key, at }: Found = parseObject(json) ?? {};
  return {
    token: text(token),
    sid: text(sid),
    key: /^\w{32}$/.exec(text(key) ?? '')?.[0],
    at: Number(at) || undefined,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Visible ASCII, 128 random bits. `crypto.randomUUID` is missing on plain http. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
