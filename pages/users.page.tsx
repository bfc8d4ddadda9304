import { useEffect, useState } from 'preact/hooks';
import { Action } from './action.js';
import { type AdminUser, users } from './api.js';
import { Dialog } from './dialog.js';
import { Field, Form, Password, Submit, type Values } from './form.js';
import { date } from './format.js';
import { Lens } from './icons.js';
import { Loading, useLoaded } from './loading.js';
import { announce } from './notices.js';
import { Page } from './page.js';
import { go, replace } from './router.js';
import { PASSWORD_HINT } from './sign-up.page.js';

/** Users on one page. */
const LIMIT = 25;
/** Milliseconds without a key before the search begins. */
const PAUSE = 250;

/** @param query what the search field begins with; it stays in the address. */
export function UsersPage({ query }: { query: string }) {
  const [adding, setAdding] = useState(false);
  const add = (
    <button type="button" class="primary" onClick={() => setAdding(true)}>
      Add user
    </button>
  );
  return (
    <Page title="Users" class="wide" beside={add}>
      <Search query={query} />
      <List key={query} query={query} />
      {adding && (
        <Dialog title="Add a user" onClose={() => setAdding(false)}>
          <AddUser onClose={() => setAdding(false)} />
        </Dialog>
      )}
    </Page>
  );
}

function Search({ query }: { query: string }) {
  const [text, setText] = useState(query);
  useEffect(() => {
    if (text.trim() === query) return undefined;
    const timer = setTimeout(() => {
      const wanted = text.trim() === '' ? '' : `?${new URLSearchParams({ query: text.trim() })}`;
      replace(`/users${wanted}`);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text, query]);
  return (
    <div class="field search" role="search">
      <label for="search">Search</label>
      <div class="control">
        <Lens />
        <input
          id="search"
          type="search"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          aria-describedby="search-hint"
        />
      </div>
      <p class="hint" id="search-hint">
        Finds how an e-mail address, a user name or a name begins.
      </p>
    </div>
  );
}

function List({ query }: { query: string }) {
  const loaded = useLoaded(() => users.list({ query, limit: LIMIT }), [query]);
  const more = async (items: AdminUser[], cursor: string) => {
    const next = await users.list({ query, cursor, limit: LIMIT });
    loaded.set({ items: [...items, ...next.items], nextCursor: next.nextCursor });
  };
  return (
    <Loading of={loaded}>
      {({ items, nextCursor }) => (
        <>
          <p class="count" role="status">
            {summary(items.length, nextCursor !== null, query)}
          </p>
          {items.length > 0 && <Table items={items} />}
          {nextCursor !== null && (
            <div class="buttons middle">
              <Action run={() => more(items, nextCursor)}>Show more</Action>
            </div>
          )}
        </>
      )}
    </Loading>
  );
}

function summary(count: number, isMore: boolean, query: string): string {
  const found = query === '' ? '' : ` for “${query}”`;
  if (count === 0) return `Nobody found${found}.`;
  const people = count === 1 ? '1 user' : `${count} users`;
  return isMore ? `The first ${people}${found}, newest first` : `${people}${found}`;
}

function Table({ items }: { items: readonly AdminUser[] }) {
  return (
    <table class="card users">
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">User name</th>
          <th scope="col">Roles</th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        {items.map((user) => (
          <tr key={user.id}>
            <td>
              <a href={`#/users/${user.id}`}>{user.name ?? user.email}</a>
              {user.name !== null && <p class="hint">{user.email}</p>}
            </td>
            <td class="minor">{user.username ?? '–'}</td>
            <td>
              {user.roles.map((role) => (
                <span key={role} class={`badge ${role === 'admin' ? 'strong' : ''}`}>
                  {role}
                </span>
              ))}
              {user.disabled && <span class="badge">disabled</span>}
            </td>
            <td class="minor">{date(user.createdAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The texts of a field of roles. */
export function rolesIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((role) => role !== '');
}

function AddUser({ onClose }: { onClose: () => void }) {
  const add = async ({ email = '', password = '', name = '', roles = '' }: Values) => {
    const named = name === '' ? {} : { name };
    const user = await users.create({ email, password, ...named, roles: rolesIn(roles) });
    announce(`${user.email} can sign in now.`);
    go(`/users/${user.id}`);
  };
  return (
    <Form onSubmit={add} blame={{ email_taken: 'email' }}>
      <Field name="email" label="E-mail" type="email" autocomplete="off" required />
      <Field name="name" label="Name (optional)" autocomplete="off" />
      <Password
        name="password"
        label="First password"
        hint={PASSWORD_HINT}
        autocomplete="new-password"
      />
      <Field
        name="roles"
        label="Roles"
        hint="Separated by spaces, such as: user admin"
        autocomplete="off"
        defaultValue="user"
      />
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <Submit>Add user</Submit>
      </div>
    </Form>
  );
}
