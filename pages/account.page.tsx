import type { User } from 'latchkey/client';
import { useState } from 'preact/hooks';
import { me } from './api.js';
import { DeleteAccount } from './delete-account.js';
import { Devices } from './devices.js';
import { Field, Form, Password, Submit, type Values } from './form.js';
import { announce } from './notices.js';
import { Page, Section } from './page.js';
import { client, setUser } from './session.js';
import { PASSWORD_HINT } from './sign-up.page.js';

export function AccountPage({ user }: { user: User }) {
  const [passwordChanges, setPasswordChanges] = useState(0);
  return (
    <Page title="Your account">
      <Profile user={user} />
      <NewPassword
        key={passwordChanges}
        user={user}
        onChanged={() => setPasswordChanges(passwordChanges + 1)}
      />
      <Devices changes={passwordChanges} />
      <DeleteAccount user={user} />
    </Page>
  );
}

function Profile({ user }: { user: User }) {
  const save = async ({ name = '', username = '' }: Values) => {
    setUser(await me.update({ name: name || null, username: username || null }));
    announce('Your profile is saved.');
  };
  return (
    <Section title="Profile" about="How you appear to the services that you sign in to.">
      <Form onSubmit={save} blame={{ username_taken: 'username' }}>
        <dl class="facts">
          <dt>E-mail</dt>
          <dd>{user.email}</dd>
        </dl>
        <Field name="name" label="Name" autocomplete="name" defaultValue={user.name ?? ''} />
        <Field
          name="username"
          label="User name"
          hint="You can sign in with it instead of your e-mail address."
          autocomplete="off"
          defaultValue={user.username ?? ''}
        />
        <Submit>Save profile</Submit>
      </Form>
    </Section>
  );
}

function NewPassword({ user, onChanged }: { user: User; onChanged: () => void }) {
  const change = async ({ currentPassword = '', newPassword = '' }: Values) => {
    await client.changePassword(currentPassword, newPassword);
    announce('Your password is changed. Your other devices are signed out.');
    onChanged();
  };
  return (
    <Section title="Password" about="A new password signs out all your other devices.">
      <Form onSubmit={change} blame={{ reauthentication_required: 'currentPassword' }}>
        <input type="text" autocomplete="username" value={user.email} readOnly hidden />
        <Password name="currentPassword" label="Current password" autocomplete="current-password" />
        <Password
          name="newPassword"
          label="New password"
          hint={PASSWORD_HINT}
          autocomplete="new-password"
        />
        <Submit>Change password</Submit>
      </Form>
    </Section>
  );
}
