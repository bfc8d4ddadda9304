import type { SharedToken } from './access-token.js';
import { browser, type Channel } from './browser.js';
import type { Change } from './options.js';

export type Message =
  /** Who has an access token? */
  | { type: 'ask' }
  | { type: 'token'; outcome: 'rotated' | 'replayed' | undefined; token: SharedToken }
  | {
      type: 'signed-out';
      /** Unknown to a tab that never had its access token. */
      sessionId: string | undefined;
      reason: Extract<Change, { type: 'signed-out' }>['reason'];
    };

/** Longer than any renewal should take (milliseconds): then another tab's page stands still. */
const LOCK_WAIT = 5_000;

/** The other tabs of this browser with the same service, by Web Locks and BroadcastChannel if it has them. */
export class Tabs {
  #channel: Channel | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly hear: (message: Message) => void,
  ) {
    this.open();
  }

  open(): void {
    if (browser.BroadcastChannel === undefined || this.#channel !== undefined) return;
    try {
      this.#channel = new browser.BroadcastChannel(this.name);
      this.#channel.onmessage = ({ data }) => this.hear(data);
    } catch {
      // Firefox throws where a page may not use cookies: it has no other tabs then.
    }
  }

  /** @returns whether anybody may be listening. */
  tell(message: Message): boolean {
    this.#channel?.postMessage(message);
    return this.#channel !== undefined;
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  /**
   * Runs the work when no other runs, in this tab and in the others. Where the browser has no locks, or a
   * tab sits on one, the others may run at the same time: the service sees to it that all end on one token.
   *
   * @param work is told whether another tab had its turn just before.
   */
  inTurn<Result>(work: (waited: boolean) => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(() => this.#locked(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #locked<Result>(work: (waited: boolean) => Promise<Result>): Promise<Result> {
    const locks = browser.navigator?.locks;
    if (locks === undefined) return work(false);
    let result: Promise<Result> | undefined;
    const patience = new AbortController();
    const { signal } = patience;
    const timer = setTimeout(() => patience.abort(), LOCK_WAIT);
    const begin = (waited: boolean) => async (lock: object | null) => {
      if (lock === null) return;
      clearTimeout(timer);
      await (result = work(waited));
    };
    try {
      await locks.request(this.name, { ifAvailable: true }, begin(false));
      if (result === undefined) await locks.request(this.name, { signal }, begin(true));
    } catch {
      // The work's own failure is in the result; without one, the wait was too long.
    }
    return result ?? work(false);
  }
}
