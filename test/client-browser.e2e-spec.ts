import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Change, LatchkeyClient } from 'latchkey/client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium } from './support/chromium.js';
import { freshEmail, PASSWORD } from './support/client.js';
import { CuttingProxy } from './support/cutting-proxy.js';
import { until } from './support/issuer.js';
import { describeWithProgram } from './support/needs-program.js';
import { describeOnEachDatabase, type Suite, type TestService } from './support/suite.js';

/** What the page below has. */
declare const client: LatchkeyClient;
declare const changes: (Change & { at: number })[];
declare const document: { cookie: string };
declare const localStorage: object;
declare const sessionStorage: object;
declare const indexedDB: { databases(): Promise<unknown[]> };
declare const location: { href: string };
declare const navigator: object;

const REFRESH = '/auth/refresh';

/** An application of another origin than the service; its pages may be kept for the way back. */
class App {
  /** What its pages told it. */
  readonly reports: string[] = [];

  constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static async start(page: () => string): Promise<App> {
    const server = createServer((request, response) => {
      const [path, report] = String(request.url).split('?');
      if (path === '/report') app.reports.push(String(report));
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(page());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const app = new App(server, `http://127.0.0.1:${port}`);
    return app;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

function pageFor(serviceUrl: string, transport: string): string {
  const storage = transport === 'body' ? ', storage: localStorage' : '';
  return `<!doctype html><title>An application</title><link rel="icon" href="data:,"><script type="module">
import { createClient } from '${serviceUrl}/client.js';
globalThis.changes = [];
globalThis.client = createClient({ baseUrl: '${serviceUrl}', transport: '${transport}'${storage} });
client.onChange((change) => changes.push({ ...change, at: Date.now() }));
const report = (text) => fetch('/report?' + text).catch(() => undefined);
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return;
  report('as it was left');
  client.onChange(({ type }) => report(type));
});
</script>`;
}

/** A browser with nothing in it yet, and what it asked of the service. */
class Profile {
  readonly outcomes: string[] = [];
  readonly keys: string[] = [];

  constructor(
    readonly context: BrowserContext,
    private readonly origin: string,
  ) {
    context.on('request', (request) => {
      if (request.method() !== 'POST' || !request.url().endsWith(REFRESH)) return;
      this.keys.push(request.headers()['idempotency-key'] ?? '');
    });
    context.on('response', (response) => {
      if (!response.url().endsWith(REFRESH)) return;
      const outcome = response.headers()['refresh-outcome'];
      if (outcome !== undefined) this.outcomes.push(outcome);
    });
  }

  async tab(path = '/'): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(`${this.origin}${path}`);
    await page.waitForFunction(() => 'client' in globalThis);
    return page;
  }

  /** A tab in which somebody new is signed in. */
  async signUp(): Promise<{ page: Page; email: string }> {
    const page = await this.tab();
    const email = freshEmail();
    await page.evaluate(([email, password]) => client.register({ email, password }), [
      email,
      PASSWORD,
    ] as const);
    return { page, email };
  }
}

const userIn = (page: Page) => page.evaluate(async () => (await client.user())?.email ?? null);
const tokenIn = (page: Page) => page.evaluate(() => client.getAccessToken());
const kindsIn = (page: Page) => page.evaluate(() => changes.map(({ type }) => type));
/** What the page sees in the storage: it may take a moment until that is what another one has written. */
const storedIn = (page: Page) => page.evaluate(() => JSON.stringify(localStorage));
const lastIn = (page: Page) => page.evaluate(() => changes.at(-1));
const statusIn = (page: Page) =>
  page.evaluate(() => client.fetch('/users/me').then(({ status }) => status));

describeWithProgram('chromium', 'The client in Chromium', (program) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(program);
  });
  afterAll(() => browser.close());

  describeOnEachDatabase('with the service', (suite) => {
    describe.each(['cookie', 'body'] as const)('by %s', (transport) => {
      rules(() => browser, suite, transport);
    });
  });
});

function rules(browser: () => Browser, suite: Suite, transport: 'cookie' | 'body'): void {
  let service: TestService;
  let wire: CuttingProxy;
  let app: App;
  const profiles: Profile[] = [];

  beforeAll(async () => {
    app = await App.start(() => pageFor(wire.url, transport));
    service = await suite.open({ CORS_ORIGINS: app.origin });
    wire = await CuttingProxy.to(service.url);
  });
  afterEach(() => Promise.all(profiles.splice(0).map(({ context }) => context.close())));
  afterAll(async () => {
    await app.close();
    await wire.close();
  });

  const profile = async () => {
    const context = await browser().newContext();
    await context.clock.install();
    const made = new Profile(context, app.origin);
    profiles.push(made);
    return made;
  };

  it('signs up, out and in', async () => {
    const { page, email } = await (await profile()).signUp();
    expect(await userIn(page)).toBe(email);
    await page.evaluate(() => client.logout());
    expect(await userIn(page)).toBeNull();
    await page.evaluate(([email, password]) => client.login({ email, password }), [
      email,
      PASSWORD,
    ] as const);
    expect(await userIn(page)).toBe(email);
    expect(await kindsIn(page)).toEqual(['signed-in', 'signed-out', 'signed-in']);
  });

  it('restores the session after a reload', async () => {
    const visitor = await profile();
    const { page, email } = await visitor.signUp();
    await page.reload();
    expect(await userIn(page)).toBe(email);
    expect(visitor.outcomes).toEqual(['rotated']);
  });

  it('renews before the access token expires, unasked', async () => {
    const visitor = await profile();
    const { page } = await visitor.signUp();
    const before = await tokenIn(page);
    await visitor.context.clock.fastForward('09:30');
    await until(async () => (await kindsIn(page)).includes('renewed'));
    expect(await lastIn(page)).toMatchObject({ type: 'renewed', outcome: 'rotated' });
    service.clock.advance('11m');
    expect(await tokenIn(page)).not.toBe(before);
    expect(visitor.outcomes).toEqual(['rotated']);
  });

  it('renews when the service finds that the token has expired', async () => {
    const visitor = await profile();
    const { page } = await visitor.signUp();
    service.clock.advance('11m');
    expect(await statusIn(page)).toBe(200);
    expect(visitor.outcomes).toEqual(['rotated']);
  });

  it('gives a new tab the token that another one has', async () => {
    const visitor = await profile();
    const { page, email } = await visitor.signUp();
    const second = await visitor.tab();
    expect(await userIn(second)).toBe(email);
    expect(await tokenIn(second)).toBe(await tokenIn(page));
    expect(visitor.outcomes).toEqual([]);
  });

  it('makes one rotation for ten tabs whose token expires', async () => {
    const visitor = await profile();
    const { page, email } = await visitor.signUp();
    const others = await Promise.all(Array.from({ length: 9 }, () => visitor.tab()));
    const tabs = [page, ...others];
    expect(await Promise.all(tabs.map(userIn))).toEqual(Array(10).fill(email));
    await visitor.context.clock.fastForward('09:45');
    await until(async () => (await tokensOf(tabs)).size === 1 && visitor.outcomes.length > 0);
    expect(visitor.outcomes).toEqual(['rotated']);

    service.clock.advance('12m');
    expect(await Promise.all(tabs.map(statusIn))).toEqual(Array(10).fill(200));
    expect(visitor.outcomes).toEqual(['rotated', 'rotated']);
    for (const tab of tabs) {
      expect(await kindsIn(tab)).toEqual(['signed-in', 'renewed', 'renewed']);
    }
  });

  it('ends on one live token without Web Locks and without BroadcastChannel', async () => {
    const visitor = await profile();
    await visitor.context.addInitScript(() => {
      Reflect.deleteProperty(globalThis, 'BroadcastChannel');
      Reflect.defineProperty(navigator, 'locks', { value: undefined });
    });
    const { page, email } = await visitor.signUp();
    const others = await Promise.all(Array.from({ length: 4 }, () => visitor.tab()));
    const tabs = [page, ...others];
    expect(await Promise.all(tabs.map(userIn))).toEqual(Array(5).fill(email));
    for (let round = 0; round < 2; round += 1) {
      await until(async () => new Set(await Promise.all(tabs.map(storedIn))).size === 1);
      service.clock.advance('11m');
      expect(await Promise.all(tabs.map(statusIn))).toEqual(Array(5).fill(200));
    }
    expect(visitor.outcomes).not.toContain('rejected');
    expect(visitor.outcomes).toContain('replayed');
  });

  it('lets a slow renewal arrive before it renews again, where tabs hear nothing of one another', async () => {
    const visitor = await profile();
    await visitor.context.addInitScript(() => {
      Reflect.deleteProperty(globalThis, 'BroadcastChannel');
      Reflect.defineProperty(navigator, 'locks', { value: undefined });
    });
    const { page } = await visitor.signUp();
    const slow = await visitor.tab();
    const late = await visitor.tab();
    await Promise.all([slow, late].map(userIn));
    visitor.outcomes.length = visitor.keys.length = 0;
    service.clock.advance('11m');
    let send = () => {};
    const held = new Promise<void>((done) => (send = done));
    await slow.route(`**${REFRESH}`, async (route) => {
      await held;
      await route.continue();
    });
    const call = statusIn(slow);
    await until(() => visitor.keys.length === 1);
    expect(await statusIn(page)).toBe(200);
    const lateCall = statusIn(late);
    await new Promise((wait) => setTimeout(wait, 500));
    expect(visitor.keys).toHaveLength(2);
    send();
    expect(await Promise.all([call, lateCall])).toEqual([200, 200]);
    expect(visitor.outcomes).not.toContain('rejected');
    expect(visitor.outcomes.at(-1)).toBe('rotated');
  });

  it('does not wait long for others, or at a sign-out, whatever the clock was set back by', async () => {
    const visitor = await profile();
    await visitor.context.addInitScript(() =>
      Reflect.deleteProperty(globalThis, 'BroadcastChannel'),
    );
    const { page } = await visitor.signUp();
    service.clock.advance('11m');
    expect(await statusIn(page)).toBe(200);
    await page.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() - 3_600_000;
    });
    await page.reload();
    await page.waitForFunction(() => 'client' in globalThis);
    expect(await statusIn(page)).toBe(200);
    await page.reload();
    await page.waitForFunction(() => 'client' in globalThis);
    const sent = visitor.keys.length;
    const call = page.evaluate(() => client.user().catch(() => null));
    await page.evaluate(() => client.logout());
    expect(await call).toBeNull();
    expect(await userIn(page)).toBeNull();
    expect(visitor.keys).toHaveLength(sent);
  });

  it('is not signed in again by a renewal that another tab overtook with a sign-out', async () => {
    const visitor = await profile();
    await visitor.context.addInitScript(() => {
      Reflect.defineProperty(navigator, 'locks', { value: undefined });
    });
    const { page } = await visitor.signUp();
    const other = await visitor.tab();
    await userIn(other);
    service.clock.advance('11m');
    let deliver = () => {};
    const held = new Promise<void>((done) => (deliver = done));
    await page.route(`**${REFRESH}`, async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    });
    const call = statusIn(page);
    await until(() => visitor.keys.length === 1);
    await other.evaluate(() => client.logout());
    await until(async () => isEnd(await lastIn(page)));
    deliver();
    expect(await call).toBe(401);
    expect(await kindsIn(page)).toEqual(['signed-in', 'signed-out']);
    expect(await tokenIn(page)).toBeNull();
  });

  it.each(['at once', 'in the headers', 'in the body'] as const)(
    'is still signed in when the answer is cut off %s',
    async (cut) => {
      const visitor = await profile();
      const { page, email } = await visitor.signUp();
      service.clock.advance('11m');
      wire.cutNext(`POST ${REFRESH}`, cut);
      const failed = await page.evaluate(() =>
        client.fetch('/users/me').then(
          () => false,
          () => true,
        ),
      );
      // A browser that got nothing at all over an old connection repeats the request by itself.
      expect([failed, wire.left]).toEqual([cut !== 'at once', 0]);
      service.clock.advance('1d');
      await page.reload();
      expect(await userIn(page)).toBe(email);
      expect(visitor.keys).toHaveLength(2);
      expect(visitor.keys[0] === visitor.keys[1]).toBe(failed);
      expect(visitor.outcomes).not.toContain('rejected');
    },
  );

  it('comes back by itself after longer offline than the token lives', async () => {
    const visitor = await profile();
    const { page, email } = await visitor.signUp();
    await visitor.context.setOffline(true);
    service.clock.advance('12h');
    await visitor.context.clock.fastForward('12:00:00');
    await until(() => visitor.keys.length > 0);
    expect(await userIn(page)).toBe(email);
    await visitor.context.setOffline(false);
    await until(async () => (await kindsIn(page)).includes('renewed'));
    expect(await statusIn(page)).toBe(200);
    expect(await kindsIn(page)).toEqual(['signed-in', 'renewed']);
    expect(visitor.outcomes).toEqual(['rotated']);
  });

  it('shows a sign-out everywhere in all tabs within a second', async () => {
    const visitor = await profile();
    const { page } = await visitor.signUp();
    const others = await Promise.all(Array.from({ length: 4 }, () => visitor.tab()));
    await Promise.all(others.map(userIn));
    const ended = await page.evaluate(() => client.logoutAll().then(() => Date.now()));
    await until(async () => (await Promise.all(others.map(lastIn))).every(isEnd));
    for (const tab of others) {
      const last = await lastIn(tab);
      expect(last).toMatchObject({ type: 'signed-out', reason: 'elsewhere' });
      expect(Number(last?.at) - ended).toBeLessThan(1_000);
    }
    expect(await lastIn(page)).toMatchObject({ type: 'signed-out', reason: 'logout' });
    expect(await tokensOf([page, ...others])).toEqual(new Set([null]));
  });

  it('signs the other tabs in as well', async () => {
    const visitor = await profile();
    const other = await visitor.tab();
    expect(await userIn(other)).toBeNull();
    const { email } = await visitor.signUp();
    await until(async () => (await kindsIn(other)).includes('signed-in'));
    expect(await userIn(other)).toBe(email);
  });

  describe('on a page that comes back from the back/forward cache', () => {
    /** Leaves a page for another one, and goes back to it. */
    const leaveAndReturn = async (
      visitor: Profile,
      meanwhile: (page: Page) => Promise<unknown>,
    ) => {
      const { page } = await visitor.signUp();
      await page.goto(`${app.origin}/next`);
      await page.waitForFunction(() => 'client' in globalThis);
      await userIn(page);
      await meanwhile(page);
      app.reports.length = 0;
      await page.evaluate('history.back()');
    };

    it('shows that somebody signed out meanwhile', async () => {
      await leaveAndReturn(await profile(), (page) => page.evaluate(() => client.logout()));
      await until(() => app.reports.includes('signed-out'));
      expect(app.reports).toEqual(['as%20it%20was%20left', 'signed-out']);
    });

    it('goes on with the session', async () => {
      const visitor = await profile();
      await leaveAndReturn(visitor, async () => undefined);
      await until(() => app.reports.includes('renewed'));
      expect(app.reports).toEqual(['as%20it%20was%20left', 'renewed']);
      expect(visitor.outcomes).not.toContain('rejected');
    });
  });

  it('leaves the refresh token out of reach of script, or where it was told to', async () => {
    const visitor = await profile();
    const { page } = await visitor.signUp();
    service.clock.advance('11m');
    const accessToken = (await statusIn(page)) && (await tokenIn(page));
    const kept = await page.evaluate(async () => ({
      cookie: document.cookie,
      local: JSON.stringify(localStorage),
      session: JSON.stringify(sessionStorage),
      databases: await indexedDB.databases(),
    }));
    const jar = await visitor.context.cookies(service.url);
    expect(kept).toMatchObject({ cookie: '', session: '{}', databases: [] });
    expect(kept.local).not.toContain(accessToken);
    if (transport === 'cookie') {
      expect(kept.local).toBe('{}');
      expect(jar).toEqual([
        expect.objectContaining({ name: '__Host-latchkey-refresh', httpOnly: true }),
      ]);
    } else {
      expect(kept.local).toContain('token');
      expect(jar).toEqual([]);
    }
  });

  it('is not touched by a form that a page of another site posts', async () => {
    const visitor = await profile();
    const { page, email } = await visitor.signUp();
    const evil = await visitor.context.newPage();
    const answers: number[] = [];
    evil.on('response', (response) => {
      if (response.request().method() === 'POST') answers.push(response.status());
    });
    for (const route of ['/auth/logout', REFRESH, '/auth/register', '/auth/login']) {
      await evil.goto(app.origin.replace('127.0.0.1', 'localhost'));
      await evil.setContent(
        `<form method="post" enctype="text/plain" action="${wire.url}${route}"><input name='{"transport":"cookie","x":"' value='"}'></form>`,
      );
      await evil.evaluate('document.forms[0].submit()');
      await evil.waitForURL(`${wire.url}${route}`);
    }
    expect(answers).toEqual([415, 415, 415, 415]);
    expect(await userIn(page)).toBe(email);
    expect(visitor.outcomes.filter((outcome) => outcome !== 'rejected')).toEqual([]);
    expect(await page.evaluate(() => location.href)).toBe(`${app.origin}/`);
  });
}

const isEnd = (change: Change | undefined) => change?.type === 'signed-out';

async function tokensOf(tabs: readonly Page[]): Promise<Set<string | null>> {
  return new Set(await Promise.all(tabs.map(tokenIn)));
}
