import { STATUS_LIST_SIZE } from '../contract/status-list.js';

const NONE: ReadonlySet<number> = new Set();

/** The sessions that have ended, list by list. It only grows, so the size of a set is its version. */
export class EndedSessions {
  readonly #lists = new Map<number, Set<number>>();

  /** @param index of the session, counted through all lists. */
  add(index: number): void {
    const list = Math.floor(index / STATUS_LIST_SIZE);
    const places = this.#lists.get(list) ?? new Set();
    places.add(index % STATUS_LIST_SIZE);
    this.#lists.set(list, places);
  }

  /** The places in one list. */
  in(list: number): ReadonlySet<number> {
    return this.#lists.get(list) ?? NONE;
  }
}
