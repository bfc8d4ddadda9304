import type { LatchkeyClient, User } from 'latchkey/client';
import { useSyncExternalStore } from 'react';

export type SessionState =
  /** Nobody knows yet; also while the service is out of reach. */
  { status: 'unknown' } | { status: 'signed-in'; user: User } | { status: 'signed-out' };

const UNKNOWN: SessionState = { status: 'unknown' };

interface Store {
  subscribe(listener: () => void): () => void;
  get(): SessionState;
}

const stores = new WeakMap<LatchkeyClient, Store>();

/** Who is signed in, in every component alike; it follows sign-outs in other tabs. */
export function useSession(client: LatchkeyClient): SessionState {
  const store = storeOf(client);
  return useSyncExternalStore(store.subscribe, store.get, () => UNKNOWN);
}

/** One for each client, whose session is restored when the first component asks. */
function storeOf(client: LatchkeyClient): Store {
  const store = stores.get(client) ?? createStore(client);
  stores.set(client, store);
  return store;
}

function createStore(client: LatchkeyClient): Store {
  let state = UNKNOWN;
  const listeners = new Set<() => void>();
  const become = (user: User | null) => {
    state = user === null ? { status: 'signed-out' } : { status: 'signed-in', user };
    for (const listener of listeners) listener();
  };
  client.onChange((change) => become(change.type === 'signed-out' ? null : change.user));
  let asked = false;
  return {
    get: () => state,
    subscribe(listener) {
      listeners.add(listener);
      if (!asked) {
        asked = true;
        // Out of reach: the client tries again by itself, and onChange tells.
        client.user().then(become, () => undefined);
      }
      return () => void listeners.delete(listener);
    },
  };
}
