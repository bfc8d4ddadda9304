import { type Change, createClient, type User } from 'latchkey/client';
import { useEffect, useState } from 'preact/hooks';
import { type Failure, failureOf } from './failures.js';
import { base, settings } from './settings.js';

/** The one client of the page. The refresh token is in an HttpOnly cookie: no script sees it. */
export const client = createClient({ baseUrl: base.slice(0, -1), transport: 'cookie' });

/** An access token as this page got it. Times are milliseconds of this machine's clock. */
export interface Grant {
  how: 'signed-in' | 'rotated' | 'replayed';
  accessToken: string;
  receivedAt: number;
  expiresAt: number;
}

export type SignOutReason = Extract<Change, { type: 'signed-out' }>['reason'];

export type Session =
  | { phase: 'restoring' }
  | { phase: 'unreachable'; failure: Failure }
  | { phase: 'signed-out'; reason?: SignOutReason }
  | { phase: 'signed-in'; user: User; grants: readonly Grant[] };

/** So many grants are remembered for the session page. */
const REMEMBERED = 50;

let session: Session = { phase: 'restoring' };
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

export function useSession(): Session {
  const [state, setState] = useState(session);
  useEffect(() => {
    const follow = () => setState(session);
    listeners.add(follow);
    follow();
    return () => void listeners.delete(follow);
  }, []);
  return state;
}

/** Finds out whether somebody is signed in. Never throws: the state says what came of it. */
export async function restore(): Promise<void> {
  const isFirst = session.phase === 'restoring';
  if (isFirst && settings.hasNoSession) {
    become({ phase: 'signed-out' });
    return;
  }
  become({ phase: 'restoring' });
  try {
    const user = await client.user();
    if (user === null) become({ phase: 'signed-out' });
    else become({ phase: 'signed-in', user, grants: grantsSoFar() });
  } catch (error) {
    become({ phase: 'unreachable', failure: failureOf(error) });
  }
}

/** Tells every page of a user who has changed; one who has signed out meanwhile stays so. */
export function setUser(user: User): void {
  if (session.phase !== 'signed-in' || session.user.id !== user.id) return;
  become({ ...session, user });
}

function grantsSoFar() {
  return session.phase === 'signed-in' ? session.grants : [];
}

client.onChange((change: Change) => {
  if (change.type === 'signed-out') {
    become({ phase: 'signed-out', reason: change.reason });
    return;
  }
  const { user, accessToken, expiresAt } = change;
  const how = change.type === 'renewed' ? change.outcome : change.type;
  const grant = { how, accessToken, receivedAt: Date.now(), expiresAt };
  become({ phase: 'signed-in', user, grants: [...grantsSoFar(), grant].slice(-REMEMBERED) });
});
