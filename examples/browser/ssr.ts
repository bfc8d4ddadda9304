import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

const ACCESS = '__Host-latchkey-access';
const REFRESH = '__Host-latchkey-refresh';

/** What the browser's client needs of Latchkey; it sees one origin only. */
const PASSED_ON = /^\/(auth|users)\/|^\/client\.js$/;

type User = { email: string };
/** `unknown`: Latchkey is out of reach. The page must not say that nobody is signed in. */
type Visitor = User | 'nobody' | 'unknown';

/**
 * A site that renders its pages for the user of the HttpOnly cookies. Start Latchkey with
 * `ACCESS_TOKEN_COOKIE=true` and `PUBLIC_URL` set to the site's address.
 */
export function createSite(latchkey: string): Server {
  return createServer((request, response) => {
    const passOn = PASSED_ON.test(request.url ?? '');
    (passOn ? forward : render)(latchkey, request, response).catch(() => {
      response.writeHead(502).end('Latchkey does not answer.');
    });
  });
}

async function render(
  latchkey: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { visitor, cookies } = await whoIs(latchkey, request.headers.cookie ?? '');
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  // The browser must get the new cookies, whatever else goes wrong with the page.
  response.setHeader('Set-Cookie', cookies);
  response.end(page(visitor));
}

/** The access cookie tells, while it lives; then the refresh cookie has to be renewed. */
async function whoIs(
  latchkey: string,
  cookie: string,
): Promise<{ visitor: Visitor; cookies: string[] }> {
  try {
    if (valueOf(cookie, ACCESS) !== undefined) {
      const answer = await fetch(`${latchkey}/users/me`, { headers: { cookie } });
      if (answer.ok) return { visitor: await userIn(answer), cookies: [] };
      if (answer.status !== 401) return { visitor: 'unknown', cookies: [] };
    }
    return await renew(latchkey, cookie);
  } catch {
    return { visitor: 'unknown', cookies: [] };
  }
}

/**
 * The key is made from the token, so the same token always comes with the same key: if the browser never
 * gets the new cookie, its next request repeats this one, however late, instead of looking like theft.
 */
async function renew(
  latchkey: string,
  cookie: string,
): Promise<{ visitor: Visitor; cookies: string[] }> {
  const token = valueOf(cookie, REFRESH);
  if (token === undefined) return { visitor: 'nobody', cookies: [] };
  const key = createHash('sha256').update(token).digest('base64url');
  const answer = await fetch(`${latchkey}/auth/refresh`, {
    method: 'POST',
    headers: { cookie: `${REFRESH}=${token}`, 'Idempotency-Key': key },
  });
  if (answer.ok) {
    const { user } = JSON.parse(await answer.text());
    return { visitor: { email: String(user.email) }, cookies: answer.headers.getSetCookie() };
  }
  const { code } = JSON.parse(await answer.text());
  return { visitor: code === 'refresh_token_invalid' ? 'nobody' : 'unknown', cookies: [] };
}

async function userIn(answer: Response): Promise<User> {
  const { email } = JSON.parse(await answer.text());
  return { email: String(email) };
}

function page(visitor: Visitor): string {
  const email = typeof visitor === 'object' ? escapeHtml(visitor.email) : '';
  const greetings = { nobody: 'Nobody is signed in.', unknown: 'One moment …' };
  const greeting = typeof visitor === 'object' ? `Hello, ${email}` : greetings[visitor];
  return `<!doctype html><title>Rendered on the server</title>
<p data-user="${email}">${greeting}</p>
<script type="module">
  import { createClient } from '/client.js';
  const { dataset } = document.querySelector('p');
  globalThis.client = createClient({ baseUrl: '/', transport: 'cookie' });
  client.onChange(({ user }) => {
    if ((user?.email ?? '') !== dataset.user) location.reload();
  });
  ${visitor === 'unknown' ? 'client.user().catch(() => undefined);' : ''}
</script>`;
}

/** Requests of the browser's client, as they are; also the `Origin`, by which Latchkey tells other sites'. */
async function forward(
  latchkey: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (!['host', 'connection', 'content-length'].includes(name)) headers.set(name, String(value));
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
  const { method = 'GET', url = '/' } = request;
  const answer = await fetch(`${latchkey}${url}`, { method, headers, body });
  for (const [name, value] of answer.headers) {
    if (name !== 'set-cookie' && name !== 'connection') response.setHeader(name, value);
  }
  response.setHeader('Set-Cookie', answer.headers.getSetCookie());
  response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
}

function valueOf(cookies: string, name: string): string | undefined {
  const pair = cookies.split('; ').find((one) => one.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
