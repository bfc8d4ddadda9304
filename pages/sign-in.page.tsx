import { Entrance } from './entrance.js';
import { Field, Form, Password, Submit, type Values } from './form.js';
import { Notice } from './notices.js';
import { client, type SignOutReason } from './session.js';
import { settings } from './settings.js';

const REASONS: Readonly<Record<SignOutReason, string>> = {
  logout: 'You are signed out.',
  elsewhere: 'You have signed out in another tab.',
  refresh_token_invalid: 'Your session has ended. Sign in again to go on.',
};

async function signIn({ identifier = '', password = '' }: Values): Promise<void> {
  const who = identifier.includes('@') ? { email: identifier } : { username: identifier };
  await client.login({ ...who, password });
}

/** @param reason why nobody is signed in any more, if somebody was. */
export function SignInPage({ reason }: { reason: SignOutReason | undefined }) {
  return (
    <Entrance title="Sign in">
      {reason !== undefined && <Notice>{REASONS[reason]}</Notice>}
      <Form onSubmit={signIn} class="card">
        <Field
          name="identifier"
          label="E-mail or user name"
          autocomplete="username"
          inputMode="email"
          required
          autoFocus
        />
        <Password name="password" label="Password" autocomplete="current-password" />
        <Submit>Sign in</Submit>
      </Form>
      {settings.registrationIsOpen && (
        <p class="aside">
          No account yet? <a href="#/sign-up">Create one</a>
        </p>
      )}
    </Entrance>
  );
}
