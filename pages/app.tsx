import type { User } from 'latchkey/client';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AccountPage } from './account.page.js';
import { Action } from './action.js';
import { Entrance } from './entrance.js';
import { sentenceFor } from './failures.js';
import { Mark } from './icons.js';
import { Announcements, Notice } from './notices.js';
import { Page } from './page.js';
import { returnTo } from './return-to.js';
import { type Place, replace, usePlace } from './router.js';
import { client, type Grant, restore, useSession } from './session.js';
import { SessionPage } from './session.page.js';
import { settings } from './settings.js';
import { SignInPage } from './sign-in.page.js';
import { SignUpPage } from './sign-up.page.js';
import { UserPage } from './user.page.js';
import { UsersPage } from './users.page.js';

/** Milliseconds of nothing to see before it is said that the session is being restored. */
const PATIENCE = 1_000;

export function App() {
  const session = useSession();
  const place = usePlace();
  useEffect(() => void restore(), []);
  return (
    <>
      <SkipLink />
      {session.phase === 'signed-in' && <Header user={session.user} place={place} />}
      <main id="main" tabIndex={-1}>
        {session.phase === 'restoring' && <Restoring />}
        {session.phase === 'unreachable' && <Unreachable words={sentenceFor(session.failure)} />}
        {session.phase === 'signed-out' && <Outside place={place} reason={session.reason} />}
        {session.phase === 'signed-in' && (
          <Inside place={place} user={session.user} grants={session.grants} />
        )}
      </main>
      <Announcements />
    </>
  );
}

/** A link to `#main` would be taken for an address. */
function SkipLink() {
  const skip = (event: Event) => {
    event.preventDefault();
    document.querySelector<HTMLElement>('#main')?.focus();
  };
  return (
    <a class="skip" href="#main" onClick={skip}>
      Skip to the content
    </a>
  );
}

function Restoring() {
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="loading restoring" role="status">
      {long && (
        <>
          <span class="spinner" />
          Looking for your session…
        </>
      )}
    </p>
  );
}

function Unreachable({ words }: { words: string }) {
  return (
    <Entrance title="Not connected">
      <div class="card">
        <p role="alert">{words}</p>
        <Action class="primary" run={restore}>
          Try again
        </Action>
      </div>
    </Entrance>
  );
}

type Reason = Parameters<typeof SignInPage>[0]['reason'];

/** Whatever address a visitor came for, it is still there after the sign-in. */
function Outside({ place, reason }: { place: Place; reason: Reason }) {
  if (place.path === '/sign-up' && settings.registrationIsOpen) return <SignUpPage />;
  return <SignInPage reason={reason} />;
}

interface InsideProps {
  place: Place;
  user: User;
  grants: readonly Grant[];
}

const DOORS: ReadonlySet<string> = new Set(['/', '/sign-in', '/sign-up']);

function Inside({ place, user, grants }: InsideProps) {
  const { path, query } = place;
  const target = returnTo();
  useEffect(() => {
    if (target !== undefined) location.replace(target);
    else if (DOORS.has(path)) replace('/account');
  }, [path, target]);
  if (target !== undefined || DOORS.has(path)) return null;
  if (path === '/account') return <AccountPage key={user.id} user={user} />;
  if (path === '/session') return <SessionPage grants={grants} />;
  if (path === '/users' || path.startsWith('/users/')) {
    if (!user.roles.includes('admin')) return <NotForYou />;
    const id = path.slice('/users/'.length);
    if (id !== '') return <UserPage key={id} id={id} me={user} />;
    return <UsersPage query={query.get('query') ?? ''} />;
  }
  return (
    <Page title="There is no such page">
      <p>
        Go to <a href="#/account">your account</a>.
      </p>
    </Page>
  );
}

function NotForYou() {
  return (
    <Page title="For administrators">
      <Notice>
        <p>
          Your account doesn’t have the role <code>admin</code>.
        </p>
      </Notice>
    </Page>
  );
}

function Header({ user, place }: { user: User; place: Place }) {
  return (
    <header class="top">
      <p class="brand">
        <Mark />
        {settings.name}
      </p>
      <nav aria-label="Pages">
        <ul>
          <Tab to="/account" place={place}>
            Account
          </Tab>
          <Tab to="/session" place={place}>
            Session
          </Tab>
          {user.roles.includes('admin') && (
            <Tab to="/users" place={place}>
              Users
            </Tab>
          )}
        </ul>
      </nav>
      <span class="who">{user.name ?? user.email}</span>
      <Action run={() => client.logout()}>Sign out</Action>
    </header>
  );
}

function Tab({ to, place, children }: { to: string; place: Place; children: ComponentChildren }) {
  const here = place.path === to || place.path.startsWith(`${to}/`);
  return (
    <li>
      <a href={`#${to}`} aria-current={here ? 'page' : undefined}>
        {children}
      </a>
    </li>
  );
}
