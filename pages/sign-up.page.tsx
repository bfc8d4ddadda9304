import { Entrance } from './entrance.js';
import { Field, Form, Password, Submit, type Values } from './form.js';
import { client } from './session.js';
import { settings } from './settings.js';

export const PASSWORD_HINT = `At least ${settings.passwordMinLength} characters. A few words that don’t belong together are easy to remember and hard to guess.`;

async function signUp({ email = '', password = '', name = '' }: Values): Promise<void> {
  await client.register({ email, password, ...(name === '' ? {} : { name }) });
}

export function SignUpPage() {
  return (
    <Entrance title="Create an account">
      <Form onSubmit={signUp} blame={{ email_taken: 'email' }} class="card">
        <Field
          name="email"
          label="E-mail"
          type="email"
          autocomplete="username"
          required
          autoFocus
        />
        <Field name="name" label="Name (optional)" autocomplete="name" />
        <Password
          name="password"
          label="Password"
          hint={PASSWORD_HINT}
          autocomplete="new-password"
        />
        <Submit>Create account</Submit>
      </Form>
      <p class="aside">
        Have an account? <a href="#/sign-in">Sign in</a>
      </p>
    </Entrance>
  );
}
