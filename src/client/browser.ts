import type { TokenStorage } from './options.js';

/** Web Locks, as far as the client needs them. */
interface Locks {
  request(
    name: string,
    options: { signal?: AbortSignal; ifAvailable?: boolean },
    work: (lock: object | null) => Promise<void>,
  ): Promise<unknown>;
}

/** BroadcastChannel, as far as the client needs it. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

type Listen = (name: string, listener: PageListener) => void;

/** Hears of the page's coming and going. */
export type PageListener = (event: { persisted?: boolean }) => void;

/** What of a browser the client uses, beyond what Node has too. Not all of it is there in every browser. */
interface Browser {
  performance: object;
  location?: { href: string };
  localStorage?: TokenStorage;
  navigator?: { locks?: Locks };
  document?: { visibilityState: string };
  addEventListener?: Listen;
  removeEventListener?: Listen;
  BroadcastChannel?: new (name: string) => Channel;
}

const globals: Browser = globalThis;

/** Empty but in a page or a worker of a browser: only these share cookies and storage with others. */
export const browser: Partial<Browser> = globals.location === undefined ? {} : globals;

/** @returns undefined also where the page may not use it. */
export function localStorageIfAny(): TokenStorage | undefined {
  try {
    return browser.localStorage;
  } catch {
    return undefined;
  }
}
