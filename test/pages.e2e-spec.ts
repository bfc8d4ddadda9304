import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { launchChromium } from './support/chromium.js';
import { expectProblem, freshEmail, PASSWORD, someone } from './support/client.js';
import { describeWithProgram } from './support/needs-program.js';
import { type Look, Visitor } from './support/pages-browser.js';
import { describeOnEachDatabase, Suite, type TestService } from './support/suite.js';

const SECOND_PASSWORD = 'seven grey herons at low tide';

describeWithProgram('chromium', 'The pages in a browser', (path) => {
  const suite = new Suite('sqlite');
  let browser: Browser;
  let service: TestService;
  const visitors: Visitor[] = [];

  beforeAll(async () => {
    browser = await launchChromium(path);
    service = await suite.open();
  });
  afterAll(async () => {
    await browser.close();
    await suite.end();
  });
  afterEach(async () => {
    const left = visitors.splice(0);
    await Promise.all(left.map((visitor) => visitor.leave()));
    expect(left.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  async function visitor(look: Look = {}, url = service.url): Promise<Visitor> {
    const arrived = await Visitor.arrive(browser, url, look);
    visitors.push(arrived);
    return arrived;
  }

  /** Somebody new, signed in. */
  async function member(wanted: Parameters<typeof someone>[0] = {}, look: Look = {}) {
    const { user } = await service.register(wanted);
    const guest = await visitor(look);
    await guest.signIn(user.email);
    await guest.seesHeading('Your account');
    return { user, guest };
  }

  async function admin(on: TestService = service, look: Look = {}) {
    const { user } = await on.register({ name: 'Root' });
    await on.promote(user.id);
    const guest = await visitor(look, on.url);
    await guest.signIn(user.email);
    await guest.seesHeading('Your account');
    return { user, guest };
  }

  it('asks for no session where the browser has none, so that no console shows a refusal', async () => {
    const guest = await visitor();
    const lines: string[] = [];
    const asked: string[] = [];
    guest.page.on('console', (message) => lines.push(message.text()));
    guest.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await guest.open();
    await guest.seesHeading('Sign in');
    expect(asked).not.toContain('/auth/refresh');
    expect(lines).toEqual([]);
  });

  describe('return_to', () => {
    const application = createServer((_request, response) => {
      response
        .setHeader('content-type', 'text/html')
        .end('<title>App</title><h1>The application</h1>');
    });
    let origin = '';
    let other: TestService;
    beforeAll(async () => {
      await new Promise<void>((ready) => application.listen(0, '127.0.0.1', ready));
      origin = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
      other = await suite.openFresh({ CORS_ORIGINS: origin });
    });
    afterAll(() => {
      application.closeAllConnections();
      application.close();
    });

    const arriveAt = async (target: string) => {
      const { user } = await other.register();
      const guest = await visitor({}, other.url);
      await guest.page.goto(`${other.url}/?return_to=${encodeURIComponent(target)}`);
      await guest.field('E-mail or user name').fill(user.email);
      await guest.field('Password').fill(PASSWORD);
      await guest.button('Sign in').click();
      return guest;
    };

    it('leads back to an application of CORS_ORIGINS, at once if somebody is signed in', async () => {
      const target = `${origin}/orders?x=1#y`;
      const guest = await arriveAt(target);
      await guest.page.waitForURL(target);
      await guest.page.goto(`${other.url}/?return_to=${encodeURIComponent(target)}`);
      await guest.page.waitForURL(target);
    });

    it.each([
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example/',
      'javascript:alert(1)',
      'data:text/html,<h1>x</h1>',
      'ORIGIN@evil.example/',
      'http://user@ORIGIN_HOST/',
      'orders',
    ])('to %s leads nowhere', async (target) => {
      const host = new URL(origin).host;
      const wanted = target.replace('ORIGIN_HOST', host).replace('ORIGIN', origin);
      const guest = await arriveAt(wanted);
      await guest.seesHeading('Your account');
      expect(new URL(guest.page.url()).origin).toBe(other.url);
    });
  });

  describe('sign up', () => {
    it('makes an account and signs in', async () => {
      const guest = await visitor();
      await guest.open();
      await guest.page.getByRole('link', { name: 'Create one' }).click();
      const email = freshEmail();
      await guest.field('E-mail').fill(email);
      await guest.field('Name (optional)').fill('Ada Lovelace');
      await guest.field('Password').fill(PASSWORD);
      await guest.field('Password').press('Enter');
      await guest.seesHeading('Your account');
      await guest.sees(email);
      expect(await guest.field('Name').inputValue()).toBe('Ada Lovelace');
      expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
    });

    it('says beside each field what is wrong, and goes to the first', async () => {
      const guest = await visitor();
      await guest.open('/sign-up');
      await guest.field('E-mail').fill('not an address');
      await guest.field('Password').fill('password');
      await guest.button('Create account').click();
      await guest.sees('E-mail must be an e-mail address.');
      expect(await guest.faultOf('E-mail')).toBe('E-mail must be an e-mail address.');
      await guest.focuses('E-mail');
      await guest.field('E-mail').fill(freshEmail());
      await guest.button('Create account').click();
      await guest.sees('Password is one of the most common passwords.');
      await guest.focuses('Password');
    });

    it('asks for what was left empty without asking the service', async () => {
      const guest = await visitor();
      await guest.open('/sign-up');
      const asked: string[] = [];
      guest.page.on('request', ({ url }) => asked.push(url()));
      await guest.button('Create account').click();
      expect(await guest.faultOf('E-mail')).toBe('E-mail must not be empty.');
      expect(await guest.faultOf('Password')).toBe('Password must not be empty.');
      expect(asked).toEqual([]);
    });

    it('says at the address that it has an account', async () => {
      const { user } = await service.register();
      const guest = await visitor();
      await guest.open('/sign-up');
      await guest.field('E-mail').fill(user.email);
      await guest.field('Password').fill(PASSWORD);
      await guest.button('Create account').click();
      await guest.sees(/There is an account with this e-mail address already/);
      expect(await guest.faultOf('E-mail')).toMatch(/already/);
    });

    it('is not offered when registration is closed', async () => {
      const closed = await suite.open({ REGISTRATION: 'closed' });
      const guest = await visitor({}, closed.url);
      await guest.open('/sign-up');
      expect(await guest.heading()).toBe('Sign in');
      expect(await guest.page.getByRole('link', { name: 'Create one' }).count()).toBe(0);
    });
  });

  describe('sign in', () => {
    it('works by keyboard alone', async () => {
      const { user } = await service.register();
      const guest = await visitor();
      await guest.open();
      await guest.focuses('E-mail or user name');
      await guest.page.keyboard.type(user.email);
      await guest.page.keyboard.press('Tab');
      await guest.page.keyboard.type(PASSWORD);
      await guest.page.keyboard.press('Enter');
      await guest.seesHeading('Your account');
      await guest.focuses('Your account');
    });

    it('takes a user name as well', async () => {
      const username = `u${Date.now()}`;
      await service.register({ username });
      const guest = await visitor();
      await guest.signIn(username);
      await guest.seesHeading('Your account');
    });

    it('says that name and password don’t match, and keeps what was typed', async () => {
      const { user } = await service.register();
      const guest = await visitor();
      await guest.signIn(user.email, 'not the right one');
      await guest.page
        .getByRole('alert')
        .getByText(/don’t belong together/)
        .waitFor();
      expect(await guest.field('E-mail or user name').inputValue()).toBe(user.email);
      expect(await guest.heading()).toBe('Sign in');
    });

    it('shows the password while its button is pressed in', async () => {
      const guest = await visitor();
      await guest.open();
      const password = guest.field('Password');
      await password.fill('something');
      await guest.button('Show password').click();
      expect(await password.getAttribute('type')).toBe('text');
      expect(await guest.button('Show password').getAttribute('aria-pressed')).toBe('true');
      await guest.button('Show password').click();
      expect(await password.getAttribute('type')).toBe('password');
    });

    it.each([
      ['rate_limited', 429, 'Too many attempts. Try again in 30 seconds.'],
      ['overloaded', 503, 'The service is busy right now. Try again in 30 seconds.'],
    ])('says in words how long to wait after %s', async (code, status, words) => {
      const guest = await visitor();
      await guest.page.route('**/auth/login', (route) =>
        route.fulfill({
          status,
          headers: { 'content-type': 'application/problem+json', 'retry-after': '30' },
          body: JSON.stringify({ code, status, title: code, detail: code }),
        }),
      );
      await guest.signIn('somebody@example.com');
      await guest.sees(words);
    });

    it('says that the service can’t be reached', async () => {
      const guest = await visitor();
      await guest.open();
      await guest.context.setOffline(true);
      await guest.field('E-mail or user name').fill('somebody@example.com');
      await guest.field('Password').fill(PASSWORD);
      await guest.button('Sign in').click();
      await guest.sees(/The service can’t be reached/);
    });

    it('can’t be sent twice while the answer is awaited', async () => {
      const { user } = await service.register();
      const guest = await visitor();
      let sent = 0;
      await guest.page.route('**/auth/login', async (route) => {
        sent += 1;
        await new Promise((resolve) => setTimeout(resolve, 300));
        await route.continue();
      });
      await guest.signIn(user.email);
      await guest.page.locator('button[aria-disabled="true"]').waitFor();
      await guest.field('Password').press('Enter');
      await guest.seesHeading('Your account');
      expect(sent).toBe(1);
    });

    it('leads to where the visitor wanted to go', async () => {
      const { user } = await service.register();
      const guest = await visitor();
      await guest.open('/session');
      expect(await guest.heading()).toBe('Sign in');
      await guest.field('E-mail or user name').fill(user.email);
      await guest.field('Password').fill(PASSWORD);
      await guest.button('Sign in').click();
      await guest.seesHeading('Session');
    });

    it('outlives a reload, and no other page is seen meanwhile', async () => {
      const { guest } = await member();
      await guest.context.addInitScript({
        content: `globalThis.seen = [];
          new MutationObserver(() => {
            const text = document.querySelector('h1')?.textContent;
            if (text && text !== seen.at(-1)) seen.push(text);
          }).observe(document, { childList: true, subtree: true });`,
      });
      await guest.page.route('**/auth/refresh', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        await route.continue();
      });
      await guest.page.reload();
      await guest.seesHeading('Your account');
      expect(await guest.page.evaluate('seen')).toEqual(['Your account']);
    });

    it('works behind a path prefix, also after a reload', async () => {
      const proxy = await prefixProxy('/id');
      try {
        const inner = await suite.open({ PUBLIC_URL: proxy.url });
        proxy.target = inner.url;
        const { user } = await inner.register();
        const guest = await visitor({}, proxy.url);
        await guest.signIn(user.email);
        await guest.seesHeading('Your account');
        await guest.page.reload();
        await guest.seesHeading('Your account');
      } finally {
        proxy.close();
      }
    });
  });

  describe('the account', () => {
    it('shows and changes name and user name', async () => {
      const { user, guest } = await member({ name: 'Ada' });
      const username = `u${Date.now()}`;
      await guest.field('Name').fill('Ada Lovelace');
      await guest.field('User name').fill(username);
      await guest.button('Save profile').click();
      await guest.sees('Your profile is saved.');
      await guest.page.getByRole('banner').getByText('Ada Lovelace').waitFor();
      const answer = await service.login({ username, password: PASSWORD });
      expect(answer.json()).toMatchObject({
        user: { id: user.id, name: 'Ada Lovelace', username },
      });
    });

    it('clears a name that is left empty', async () => {
      const { user, guest } = await member({ name: 'Ada' });
      await guest.field('Name').fill('');
      await guest.button('Save profile').click();
      await guest.sees('Your profile is saved.');
      const answer = await service.login({ email: user.email, password: PASSWORD });
      expect(answer.json()).toMatchObject({ user: { name: null } });
    });

    it('says at the user name that it is taken, or how it must be', async () => {
      const username = `u${Date.now()}`;
      await service.register({ username });
      const { guest } = await member();
      await guest.field('User name').fill(username);
      await guest.button('Save profile').click();
      await guest.sees(/This user name is taken/);
      await guest.focuses('User name');
      await guest.field('User name').fill('?');
      await guest.button('Save profile').click();
      await guest.sees(/^User name must be 3 to 32 letters/);
    });

    it('changes the password, which signs out the other devices', async () => {
      const { user, guest } = await member();
      const other = await visitor();
      await other.signIn(user.email);
      await other.seesHeading('Your account');
      await guest.field('Current password').fill(PASSWORD);
      await guest.field('New password').fill(SECOND_PASSWORD);
      await guest.button('Change password').click();
      await guest.sees(/Your password is changed/);
      expect(await guest.field('New password').inputValue()).toBe('');
      await other.page.reload();
      await other.seesHeading('Sign in');
      await guest.page.reload();
      await guest.seesHeading('Your account');
      const { status } = await service.login({ email: user.email, password: SECOND_PASSWORD });
      expect(status).toBe(200);
    });

    it('says which of the two passwords is wrong', async () => {
      const { guest } = await member();
      await guest.field('Current password').fill('not the right one');
      await guest.field('New password').fill(SECOND_PASSWORD);
      await guest.button('Change password').click();
      await guest.sees('That is not your current password.');
      await guest.focuses('Current password');
      await guest.field('Current password').fill(PASSWORD);
      await guest.field('New password').fill('short');
      await guest.button('Change password').click();
      await guest.sees('New password must have at least 8 characters.');
      await guest.focuses('New password');
    });

    it('lists the devices and signs one out', async () => {
      const { user, guest } = await member();
      const other = await visitor({ userAgent: SAFARI });
      await other.signIn(user.email);
      await other.seesHeading('Your account');
      await guest.page.reload();
      await guest.sees('This device');
      await guest.button('Sign out Safari on iOS').click();
      await guest.sees('Safari on iOS is signed out.');
      expect(await guest.button('Sign out Safari on iOS').count()).toBe(0);
      await other.page.reload();
      await other.seesHeading('Sign in');
    });

    it('signs out all other devices, and this one stays', async () => {
      const { user, guest } = await member();
      const other = await visitor();
      await other.signIn(user.email);
      await other.seesHeading('Your account');
      await guest.button('Sign out all others').click();
      await guest.sees('All other devices are signed out.');
      await other.page.reload();
      await other.seesHeading('Sign in');
      await guest.page.reload();
      await guest.seesHeading('Your account');
    });

    it('signs out everywhere, once it was confirmed', async () => {
      const { user, guest } = await member();
      const other = await visitor();
      await other.signIn(user.email);
      await other.seesHeading('Your account');
      await guest.button('Sign out everywhere').click();
      const dialog = guest.page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      expect(await dialog.count()).toBe(0);
      await guest.button('Sign out everywhere').click();
      await dialog.getByRole('button', { name: 'Sign out everywhere' }).click();
      await guest.seesHeading('Sign in');
      await guest.sees('You are signed out.');
      await other.page.reload();
      await other.seesHeading('Sign in');
    });

    it('signs out here, in all tabs', async () => {
      const { guest } = await member();
      const tab = await guest.context.newPage();
      await tab.goto(guest.url);
      await tab.getByRole('heading', { name: 'Your account' }).waitFor();
      await guest.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click();
      await guest.seesHeading('Sign in');
      await tab.getByText('You have signed out in another tab.').waitFor();
    });

    it('says that the session has ended when the service refuses it', async () => {
      const { user, guest } = await member();
      await service.database.query(`delete from sessions where user_id = '${user.id}'`);
      await guest.field('Name').fill('Nobody');
      await guest.button('Save profile').click();
      await guest.seesHeading('Sign in');
      await guest.sees(/Your session has ended/);
    });

    it('is deleted with the password, and not with another', async () => {
      const { user, guest } = await member();
      await guest.button('Delete account…').click();
      const dialog = guest.page.getByRole('dialog');
      await dialog.getByLabel('Password', { exact: true }).fill('not the right one');
      await dialog.getByRole('button', { name: 'Delete account' }).click();
      await guest.sees('That is not your current password.');
      await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await dialog.getByRole('button', { name: 'Delete account' }).click();
      await guest.seesHeading('Sign in');
      const answer = await service.login({ email: user.email, password: PASSWORD });
      expectProblem(answer, 'invalid_credentials');
    });

    it('closes a dialog on Escape and goes back to its button', async () => {
      const { guest } = await member();
      await guest.button('Delete account…').click();
      await guest.page.getByRole('dialog').waitFor();
      await guest.page.keyboard.press('Escape');
      await guest.page.getByRole('dialog').waitFor({ state: 'detached' });
      await guest.focuses('Delete account…');
    });
  });

  describe('the session page', () => {
    it('shows the claims, the time that is left, and each renewal as it happens', async () => {
      const quick = await suite.open({ ACCESS_TOKEN_TTL: '3s' });
      const { user } = await quick.register();
      const guest = await visitor({}, quick.url);
      await guest.signIn(user.email);
      await guest.seesHeading('Your account');
      await guest.page.getByRole('link', { name: 'Session' }).click();
      const claim = (name: string) => guest.page.locator(`[data-claim="${name}"] dd`);
      expect(await claim('sub').textContent()).toBe(user.id);
      expect(await claim('iss').textContent()).toBe(quick.url);
      const first = await claim('jti').textContent();
      expect(await guest.page.getByRole('timer').textContent()).toMatch(/^0:0\d$/);
      await guest.page.locator('.renewals').getByText('rotated', { exact: true }).first().waitFor();
      expect(await claim('jti').textContent()).not.toBe(first);
    });

    it('proves that no script sees the refresh token', async () => {
      const { guest } = await member();
      await guest.page.getByRole('link', { name: 'Session' }).click();
      await guest.seesHeading('Session');
      expect(await guest.page.locator('[data-cookie]').textContent()).toMatch(/nothing/);
      const cookies = await guest.context.cookies();
      expect(cookies.map(({ name, httpOnly }) => ({ name, httpOnly }))).toEqual([
        { name: '__Host-latchkey-refresh', httpOnly: true },
      ]);
    });
  });

  describe('administration', () => {
    it('is not for others', async () => {
      const { guest } = await member();
      expect(await guest.page.getByRole('link', { name: 'Users' }).count()).toBe(0);
      await guest.open('/users');
      await guest.seesHeading('For administrators');
    });

    it('finds users, and the search stays in the address', async () => {
      const { guest } = await admin();
      await service.register({ email: `zoe-${freshEmail()}`, name: 'Zoë Quill' });
      await guest.open('/users');
      await guest.field('Search').fill('zoë');
      await guest.sees('1 user for “zoë”');
      await guest.page.getByRole('link', { name: 'Zoë Quill' }).click();
      await guest.seesHeading('Zoë Quill');
      await guest.page.goBack();
      expect(await guest.field('Search').inputValue()).toBe('zoë');
      await guest.field('Search').fill('nobody is called so');
      await guest.sees('Nobody found for “nobody is called so”.');
    });

    it('shows more users on request', async () => {
      const big = await suite.openFresh();
      const { guest } = await admin(big);
      for (let count = 0; count < 27; count += 1) await big.register();
      await guest.open('/users');
      await guest.sees('The first 25 users, newest first');
      await guest.button('Show more').click();
      await guest.sees('28 users');
      expect(await guest.page.locator('tbody tr').count()).toBe(28);
      expect(await guest.button('Show more').count()).toBe(0);
    });

    it('adds a user', async () => {
      const { guest } = await admin();
      await guest.open('/users');
      await guest.button('Add user').click();
      const dialog = guest.page.getByRole('dialog');
      const email = freshEmail();
      await dialog.getByLabel('E-mail').fill(email);
      await dialog.getByLabel('Name (optional)').fill('Grace Hopper');
      await dialog.getByLabel('First password', { exact: true }).fill(PASSWORD);
      await dialog.getByLabel('Roles').fill('user auditor');
      await dialog.getByRole('button', { name: 'Add user' }).click();
      await guest.seesHeading('Grace Hopper');
      const answer = await service.login({ email, password: PASSWORD });
      expect(answer.json()).toMatchObject({ user: { roles: ['user', 'auditor'] } });
    });

    it('changes roles and profile, and says what is wrong with a role', async () => {
      const { user } = await service.register();
      const { guest } = await admin();
      await guest.open(`/users/${user.id}`);
      await guest.field('Roles').fill('user Auditor');
      await guest.button('Save user').click();
      await guest.sees(/^Roles /);
      await guest.focuses('Roles');
      await guest.field('Roles').fill('user, auditor');
      await guest.field('Name').fill('Linus');
      await guest.button('Save user').click();
      await guest.seesHeading('Linus');
      const answer = await service.login({ email: user.email, password: PASSWORD });
      expect(answer.json()).toMatchObject({ user: { name: 'Linus', roles: ['user', 'auditor'] } });
    });

    it('signs a user out everywhere', async () => {
      const { user, guest: other } = await member();
      const { guest } = await admin();
      await guest.open(`/users/${user.id}`);
      await guest.button('Sign out everywhere').click();
      await guest.sees('Not signed in anywhere.');
      await other.page.reload();
      await other.seesHeading('Sign in');
    });

    it('disables a user, once it was confirmed, and enables again', async () => {
      const { user, guest: other } = await member();
      const { guest } = await admin();
      await guest.open(`/users/${user.id}`);
      await guest.button('Disable…').click();
      await guest.page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
      await guest.sees(`${user.email} can’t sign in any more.`);
      await other.page.reload();
      await other.seesHeading('Sign in');
      const credentials = { email: user.email, password: PASSWORD };
      expectProblem(await service.login(credentials), 'invalid_credentials');
      await guest.button('Enable').click();
      await guest.sees(`${user.email} can sign in.`);
      expect((await service.login(credentials)).status).toBe(200);
    });

    it('deletes a user, once it was confirmed', async () => {
      const { user } = await service.register();
      const { guest } = await admin();
      await guest.open(`/users/${user.id}`);
      await guest.button('Delete…').click();
      await guest.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await guest.seesHeading('Users');
      const answer = await service.login({ email: user.email, password: PASSWORD });
      expectProblem(answer, 'invalid_credentials');
    });

    it('says in words that the last administrator has to stay one', async () => {
      const { user, guest } = await admin(await suite.openFresh());
      await guest.open(`/users/${user.id}`);
      await guest.field('Roles').fill('user');
      await guest.button('Save user').click();
      await guest.page
        .getByRole('alert')
        .getByText(/This is the last administrator/)
        .waitFor();
      await guest.button('Disable…').click();
      await guest.page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
      await guest.page
        .getByRole('status')
        .getByText(/This is the last administrator/)
        .waitFor();
    });
  });

  describe.each([
    ['light', 1120],
    ['dark', 1120],
    ['light', 360],
    ['dark', 360],
  ] as const)('%s, %d pixels wide', (colorScheme, width) => {
    const look = { colorScheme, viewport: { width, height: 740 } };

    async function expectGood(guest: Visitor): Promise<void> {
      expect(await guest.accessibilityFaults()).toEqual([]);
      expect(await guest.overflow()).toBe(0);
    }

    it('has nothing that axe or a narrow window would complain about, signed out', async () => {
      const guest = await visitor(look);
      await guest.open();
      await expectGood(guest);
      await guest.signIn('somebody@example.com', 'not the right one');
      await guest.page.getByRole('alert').waitFor();
      await expectGood(guest);
      await guest.page.getByRole('link', { name: 'Create one' }).click();
      await guest.button('Create account').click();
      await guest.sees('E-mail must not be empty.');
      await expectGood(guest);
    });

    it('has nothing that axe or a narrow window would complain about, signed in', async () => {
      const { user } = await service.register({ name: 'N'.repeat(100) });
      const { guest } = await admin(service, look);
      await guest.sees('This device');
      await expectGood(guest);
      await guest.button('Delete account…').click();
      await expectGood(guest);
      await guest.page.keyboard.press('Escape');
      await guest.button('Save profile').click();
      await guest.sees('Your profile is saved.');
      await expectGood(guest);
      for (const place of ['/session', '/users', '/users?query=nobody%20at%20all', '/nowhere']) {
        await guest.open(place);
        await guest.page.locator('.loading').waitFor({ state: 'detached' });
        await expectGood(guest);
      }
      await guest.open(`/users/${user.id}`);
      await guest.button('Sign out everywhere').waitFor();
      await expectGood(guest);
      await guest.button('Disable…').click();
      await expectGood(guest);
    });
  });
});

describeWithProgram('chromium', 'The pages on each database', (path) => {
  describeOnEachDatabase('Sign up, account and administration', (suite) => {
    it('work from the first page to the last', async () => {
      const service = await suite.open();
      const browser = await launchChromium(path);
      try {
        const guest = await Visitor.arrive(browser, service.url);
        await guest.open('/sign-up');
        await guest.field('E-mail').fill(freshEmail());
        await guest.field('Password').fill(PASSWORD);
        await guest.button('Create account').click();
        await guest.seesHeading('Your account');
        await service.database.query(`update users set roles = '["user","admin"]'`);
        await guest.page.reload();
        await guest.field('Name').fill('Ada');
        await guest.button('Save profile').click();
        await guest.sees('Your profile is saved.');
        await guest.page.getByRole('link', { name: 'Users' }).click();
        await guest.page.getByRole('link', { name: 'Ada' }).click();
        await guest.seesHeading('Ada');
        await guest.button('Sign out everywhere').click();
        await guest.seesHeading('Sign in');
        expect(guest.complaints).toEqual([]);
      } finally {
        await browser.close();
      }
    });
  });
});

const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

/** A reverse proxy that takes a path prefix off, as nginx does with `proxy_pass …/`. */
async function prefixProxy(prefix: string) {
  const proxy = { target: '', url: '', close: () => void server.close() };
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming;
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : '/outside';
    const onward = request(`${proxy.target}${path}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  proxy.url = `http://127.0.0.1:${port}${prefix}`;
  return proxy;
}
