import type { User } from 'latchkey/client';
import { useState } from 'preact/hooks';
import { me } from './api.js';
import { Dialog } from './dialog.js';
import { Form, Password, Submit, type Values } from './form.js';
import { Section } from './page.js';
import { client } from './session.js';

export function DeleteAccount({ user }: { user: User }) {
  const [asking, setAsking] = useState(false);
  const remove = async ({ password = '' }: Values) => {
    await me.remove(password);
    await client.logout();
  };
  return (
    <Section title="Delete account" about="Removes your account and all that is kept about it.">
      <p>This can’t be undone. All your devices are signed out at once.</p>
      <div class="buttons">
        <button type="button" class="danger outline" onClick={() => setAsking(true)}>
          Delete account…
        </button>
      </div>
      {asking && (
        <Dialog title="Delete your account?" onClose={() => setAsking(false)}>
          <p>
            The account <strong>{user.email}</strong> will be gone for good. To go on, enter your
            password.
          </p>
          <Form onSubmit={remove} blame={{ reauthentication_required: 'password' }}>
            <input type="text" autocomplete="username" value={user.email} readOnly hidden />
            <Password name="password" label="Password" autocomplete="current-password" />
            <div class="buttons">
              <button type="button" onClick={() => setAsking(false)}>
                Cancel
              </button>
              <Submit danger>Delete account</Submit>
            </div>
          </Form>
        </Dialog>
      )}
    </Section>
  );
}
