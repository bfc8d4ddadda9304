import type { User } from 'latchkey/client';
import { useState } from 'preact/hooks';
import { Action } from './action.js';
import { type AdminUser, users } from './api.js';
import { Confirm } from './dialog.js';
import { Field, Form, Submit, type Values } from './form.js';
import { moment } from './format.js';
import { type Loaded, Loading, useLoaded } from './loading.js';
import { announce } from './notices.js';
import { Page, Section } from './page.js';
import { replace } from './router.js';
import { SessionList } from './session-list.js';
import { setUser } from './session.js';
import { rolesIn } from './users.page.js';

/** @param me the administrator who looks at it. */
export function UserPage({ id, me }: { id: string; me: User }) {
  const loaded = useLoaded(() => users.get(id), [id]);
  const back = (
    <p class="back">
      <a href="#/users">‹ All users</a>
    </p>
  );
  const title = loaded.value?.name ?? loaded.value?.email ?? 'User';
  return (
    <Page title={title} before={back}>
      <Loading of={loaded}>
        {(user) => (
          <>
            <Profile user={user} loaded={loaded} isMe={user.id === me.id} />
            <SignIns user={user} />
            <Access user={user} loaded={loaded} />
          </>
        )}
      </Loading>
    </Page>
  );
}

interface ProfileProps {
  user: AdminUser;
  loaded: Loaded<AdminUser>;
  isMe: boolean;
}

function Profile({ user, loaded, isMe }: ProfileProps) {
  const save = async ({ email = '', name = '', username = '', roles = '' }: Values) => {
    const changed = await users.update(user.id, {
      email,
      name: name || null,
      username: username || null,
      roles: rolesIn(roles),
    });
    loaded.set(changed);
    if (isMe) setUser(changed);
    announce(`${changed.email} is saved.`);
  };
  return (
    <Section
      title="Profile"
      about="Roles say what somebody may do. They count from the next renewal of the access token."
    >
      <Form onSubmit={save} blame={{ email_taken: 'email', username_taken: 'username' }}>
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <code>{user.id}</code>
          </dd>
          <dt>Since</dt>
          <dd>{moment(user.createdAt)}</dd>
        </dl>
        <Field
          name="email"
          label="E-mail"
          type="email"
          autocomplete="off"
          required
          defaultValue={user.email}
        />
        <Field name="name" label="Name" autocomplete="off" defaultValue={user.name ?? ''} />
        <Field
          name="username"
          label="User name"
          autocomplete="off"
          defaultValue={user.username ?? ''}
        />
        <Field
          name="roles"
          label="Roles"
          hint="Separated by spaces, such as: user admin"
          autocomplete="off"
          defaultValue={user.roles.join(' ')}
        />
        <Submit>Save user</Submit>
      </Form>
    </Section>
  );
}

function SignIns({ user }: { user: User }) {
  const sessions = useLoaded(() => users.sessions(user.id), [user.id]);
  const end = async () => {
    await users.endSessions(user.id);
    await sessions.again();
    announce(`${user.email} is signed out everywhere.`);
  };
  return (
    <Section title="Devices" about="Where this user is signed in.">
      <Loading of={sessions}>
        {({ sessions: list, nextCursor }) =>
          list.length === 0 ? (
            <p>Not signed in anywhere.</p>
          ) : (
            <>
              <SessionList sessions={list} />
              {nextCursor !== null && <p>And more, which began earlier.</p>}
              <div class="buttons">
                <Action run={end}>Sign out everywhere</Action>
              </div>
            </>
          )
        }
      </Loading>
    </Section>
  );
}

function Access({ user, loaded }: Omit<ProfileProps, 'isMe'>) {
  const [asking, setAsking] = useState<'disable' | 'delete'>();
  const close = () => setAsking(undefined);
  const disable = async () => {
    loaded.set(await users.update(user.id, { disabled: true }));
    close();
    announce(`${user.email} can’t sign in any more.`);
  };
  const enable = async () => {
    loaded.set(await users.update(user.id, { disabled: false }));
    announce(`${user.email} can sign in.`);
  };
  const unlock = async () => {
    await users.unlock(user.id);
    await loaded.again();
    announce(`${user.email} may try the password again.`);
  };
  const remove = async () => {
    await users.remove(user.id);
    announce(`${user.email} is deleted.`);
    replace('/users');
  };
  return (
    <Section
      title="Access"
      about="A disabled user can’t sign in until you enable the account again. Nothing is lost."
    >
      {user.disabled && <p>This user is disabled.</p>}
      {user.lockedUntil !== null && (
        <p>The password was wrong 100 times in a row. It rests until {moment(user.lockedUntil)}.</p>
      )}
      <div class="buttons">
        {user.lockedUntil !== null && <Action run={unlock}>Unlock the password</Action>}
        {user.disabled ? (
          <Action run={enable}>Enable</Action>
        ) : (
          <button type="button" onClick={() => setAsking('disable')}>
            Disable…
          </button>
        )}
        <button type="button" class="danger outline" onClick={() => setAsking('delete')}>
          Delete…
        </button>
      </div>
      {asking === 'disable' && (
        <Confirm title={`Disable ${user.email}?`} verb="Disable" run={disable} onClose={close}>
          All devices of this user are signed out at once.
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm title={`Delete ${user.email}?`} verb="Delete" run={remove} onClose={close}>
          The account will be gone for good, and all its devices are signed out at once.
        </Confirm>
      )}
    </Section>
  );
}
