import { createClient } from 'latchkey/client';
import { createElement as h } from 'react';
import { createRoot } from 'react-dom/client';
import { useSession } from './use-session.js';

const baseUrl = new URLSearchParams(location.search).get('service') ?? 'http://localhost:3000';
const client = createClient({ baseUrl, transport: 'cookie' });

function App() {
  const session = useSession(client);
  if (session.status === 'unknown') return h('p', null, 'One moment …');
  if (session.status === 'signed-out') return h(SignIn);
  const signOut = () => void client.logout();
  return h(
    'p',
    null,
    `Hello, ${session.user.email}`,
    h('button', { onClick: signOut }, 'Sign out'),
  );
}

function SignIn() {
  const signIn = (form: FormData) => {
    const [email, password] = ['email', 'password'].map((name) => String(form.get(name)));
    return client.login({ email: email ?? '', password: password ?? '' }).then(() => undefined);
  };
  return h(
    'form',
    { action: signIn },
    h('input', { name: 'email', type: 'email', 'aria-label': 'E-mail' }),
    h('input', { name: 'password', type: 'password', 'aria-label': 'Password' }),
    h('button', null, 'Sign in'),
  );
}

const root = document.getElementById('root');
if (root !== null) createRoot(root).render(h(App));
