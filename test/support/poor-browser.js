/*
 * Runs the built client where little of a browser is there, and what is there is poor: `URL` as React Native has it, a
 * `BroadcastChannel` that throws as Firefox's does without cookies, no locks, no storage. Prints what came out.
 */
import { readFileSync } from 'node:fs';

const [baseUrl, email, password] = process.argv.slice(2);
const RealUrl = URL;

class PoorUrl {
  #url;

  constructor(address, base) {
    this.#url = new RealUrl(address, base);
  }

  get href() {
    return this.#url.href;
  }

  toString() {
    return this.href;
  }
}
for (const name of ['origin', 'host', 'hostname', 'pathname', 'search', 'hash', 'protocol']) {
  Object.defineProperty(PoorUrl.prototype, name, {
    get() {
      throw new Error(`URL.${name} is not implemented`);
    },
  });
}

class ThrowingChannel {
  constructor() {
    throw new Error('SecurityError');
  }
}

Object.assign(globalThis, { PoorUrl, BroadcastChannel: ThrowingChannel });
globalThis.location = { href: `${baseUrl}/app/` };
Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });

// Node's own fetch needs the real URL: only the client gets the poor one.
const code = readFileSync(new RealUrl('../../dist/client/index.js', import.meta.url), 'utf8');
const module = `const URL = globalThis.PoorUrl;\n${code}`;
const { createClient } = await import(`data:text/javascript,${encodeURIComponent(module)}`);
const client = createClient({ baseUrl, transport: 'body' });
const registered = await client.register({ email, password });
const known = await client.user();
const mine = await client.fetch('/users/me');
const absolute = await client.fetch(`${baseUrl}/users/me`);
const elsewhere = await client.fetch(`${baseUrl.replace('127.0.0.1', 'localhost')}/users/me`);
await client.changePassword(password, `${password} and more`);
const sessions = await client.sessions();
await client.logout();
const after = await client.user();
client.close();
process.stdout.write(
  JSON.stringify({
    registered: registered.email,
    known: known?.email,
    statuses: [mine.status, absolute.status, elsewhere.status],
    sessions: sessions.length,
    after,
  }),
);
