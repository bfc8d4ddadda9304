import { asLatchkeyError, AuthCalls } from './auth-calls.js';
import { AuthorizedFetch, TokenScope, withTrailingSlash } from './authorized-fetch.js';
import { browser, type PageListener } from './browser.js';
import { Kept, storageFor } from './kept.js';
import { errorOf } from './latchkey-error.js';
import type {
  Change,
  ClientOptions,
  Credentials,
  LatchkeyClient,
  Registration,
  SessionView,
  User,
} from './options.js';
import { Session } from './session.js';

/**
 * A client of the service at `baseUrl`. It does nothing until it is asked; the first `user()`,
 * `getAccessToken()` or `fetch()` restores the session of an earlier page.
 */
export function createClient(options: ClientOptions): LatchkeyClient {
  const { transport, origins = [] } = options;
  const base = withTrailingSlash(options.baseUrl, browser.location?.href);
  // An application that keeps its token and the service's own pages may share an origin, not a session.
  const name = `latchkey:${transport === 'cookie' ? 'cookie:' : ''}${base}`;
  const send: typeof fetch = (...request) => (options.fetch ?? fetch)(...request);
  const listeners = new Listeners();
  const calls = new AuthCalls(base, transport, send);
  const kept = new Kept(name, storageFor(transport, options.storage));
  const session = new Session(name, transport === 'body', kept, calls, (change) =>
    listeners.tell(change),
  );
  const scope = new TokenScope([base, ...origins.map((place) => withTrailingSlash(place))]);
  const authorized = new AuthorizedFetch(base, scope, session, send);
  const ignore = attend(session);
  return {
    ...accountOf(session, calls, new Api(authorized, transport)),
    fetch: (input, init) => authorized.send(input, init),
    getAccessToken: async () => (await session.token())?.text ?? null,
    onChange: (listener) => listeners.add(listener),
    close() {
      ignore();
      listeners.clear();
      session.close();
    },
  };
}

class Listeners {
  readonly #all = new Set<(change: Change) => void>();

  add(listener: (change: Change) => void): () => void {
    // The same function may be there twice; each goes by itself.
    const own = (change: Change) => listener(change);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  /** What goes wrong in a listener is the page's affair. */
  tell(change: Change): void {
    for (const listener of this.#all) {
      try {
        listener(change);
      } catch (error) {
        console.error(error);
      }
    }
  }

  clear(): void {
    this.#all.clear();
  }
}

/** JSON over the authorised fetch. */
class Api {
  constructor(
    private readonly authorized: AuthorizedFetch,
    private readonly transport: 'cookie' | 'body',
  ) {}

  /** @throws LatchkeyError */
  async call(method: string, path: string, body?: object): Promise<Response> {
    const response = await this.authorized
      .send(path, {
        method,
        ...(this.transport === 'cookie' && { credentials: 'include' }),
        ...(body && {
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        }),
      })
      .catch((error: unknown) => Promise.reject(asLatchkeyError(error)));
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

function accountOf(session: Session, calls: AuthCalls, api: Api) {
  return {
    register: (input: Registration) => session.enter(() => calls.signIn('register', input)),
    login: (input: Credentials) => session.enter(() => calls.signIn('login', input)),
    logout: () => session.leave((refreshToken) => calls.logout(refreshToken)),
    async logoutAll({ keepCurrent = false } = {}) {
      await api.call('POST', 'auth/logout-all', { keepCurrent });
      if (!keepCurrent) await session.end('logout');
    },
    async sessions() {
      const all: SessionView[] = [];
      for (let query = '', more = true; more;) {
        const response = await api.call('GET', `auth/sessions${query}`);
        const page: { sessions: SessionView[]; nextCursor?: string | null } = JSON.parse(
          await response.text(),
        );
        all.push(...page.sessions);
        query = `?cursor=${page.nextCursor}`;
        more = typeof page.nextCursor === 'string';
      }
      return all;
    },
    async endSession(id: string) {
      await api.call('DELETE', `auth/sessions/${encodeURIComponent(id)}`);
      if (id === session.sessionId) await session.end('logout');
    },
    async changePassword(currentPassword: string, newPassword: string) {
      const token = await session.token();
      const change = { currentPassword, newPassword };
      await session.enter(() => calls.changePassword(token?.text, change), 'rotated');
    },
    user: () => userOf(session, api),
  };
}

async function userOf(session: Session, api: Api): Promise<User | null> {
  const known = session.lastUser;
  try {
    const token = await session.token();
    if (token === undefined || known === undefined) return token?.user ?? null;
    const response = await api.call('GET', 'users/me');
    const user: User = JSON.parse(await response.text());
    session.learn(user);
    return user;
  } catch (error) {
    if (session.lastUser === undefined && session.state !== 'out') throw error;
    return session.lastUser ?? null;
  }
}

/** Listens to what happens to the page. @returns what ends that. */
function attend(session: Session): () => void {
  const wake = () => {
    if (browser.document?.visibilityState !== 'hidden') session.wake();
  };
  const listeners: Record<string, PageListener> = {
    focus: wake,
    online: wake,
    visibilitychange: wake,
    pageshow: ({ persisted }) => (persisted ? session.restore() : wake()),
    pagehide: () => session.suspend(),
    storage: () => void session.stored(),
  };
  const all = Object.entries(listeners);
  for (const [name, listener] of all) browser.addEventListener?.(name, listener);
  return () => {
    for (const [name, listener] of all) browser.removeEventListener?.(name, listener);
  };
}
