/**
 * `node scripts/screenshots.js [chromium]`: takes the pictures of the pages in `docs/images/`, in light and
 * in dark, from a service with a few made-up users. How letters look depends on the fonts of the machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { ensureBuilt } from './build.js';
import { indexedPng } from './indexed-png.js';

const IMAGES = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'images');
const PASSWORD = 'a fair wind and a steady hand';
const PEOPLE = [
  { email: 'linus@example.org' },
  { email: 'katherine@example.com', name: 'Katherine Johnson' },
  { email: 'alan@example.com', name: 'Alan Turing', username: 'alan' },
  { email: 'grace@example.com', name: 'Grace Hopper', username: 'grace' },
];
const ADMIN = { email: 'ada@example.com', name: 'Ada Lovelace', username: 'ada' };
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

/** After a renewal, with some of the time gone. */
const RENEWED = '.page:has(.renewals .strong) >> text=/^0:0[5-8]$/';

/** Which pages, and how high their pictures are at most, in pixels. */
const PLACES = [
  { name: 'account', path: '/account', until: '.sessions li', height: 1500 },
  { name: 'users', path: '/users', until: 'tbody tr', height: 700 },
  { name: 'user', path: '/users/:grace', until: '.sessions li', height: 1300 },
  { name: 'session', path: '/session', until: RENEWED, height: 1400 },
];

/** @typedef {{ url: string, close(): Promise<void>, grace: string }} Stage */

ensureBuilt();
mkdirSync(IMAGES, { recursive: true });
const stage = await setStage();
const browser = await chromium.launch({
  executablePath: process.argv[2] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
await take('light', 1000);
await take('dark', 1000);
await take('light', 360);
await browser.close();
await stage.close();

/** @returns {Promise<Stage>} */
async function setStage() {
  const { readEnvironment } = await import('../dist/config.js');
  const { createService } = await import('../dist/service.js');
  const { UsersService } = await import('../dist/users/users.service.js');
  const port = 4000 + (process.pid % 1000);
  const environment = {
    PORT: String(port),
    DATABASE_URL: 'sqlite::memory:',
    BCRYPT_COST: '4',
    ACCESS_TOKEN_TTL: '12s',
  };
  const service = await createService(readEnvironment(environment), { logger: false });
  await service.listen(port, 'localhost');
  const url = `http://localhost:${port}`;
  for (const person of PEOPLE)
    await post(`${url}/auth/register`, { ...person, password: PASSWORD });
  const grace = await post(`${url}/auth/login`, { username: 'grace', password: PASSWORD });
  const roles = ['user', 'admin'];
  const users = service.get(UsersService, { strict: false });
  await users.createByAdmin({ ...ADMIN, password: PASSWORD, roles });
  await post(`${url}/auth/login`, { username: 'ada', password: PASSWORD });
  return { url, close: () => service.close(), grace: grace.user.id };
}

/**
 * @param {string} url
 * @param {object} body
 */
async function post(url, body) {
  const headers = { 'Content-Type': 'application/json', 'User-Agent': PHONE };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.json();
}

/**
 * @param {'light' | 'dark'} colorScheme
 * @param {number} width
 */
async function take(colorScheme, width) {
  const narrow = width < 400 ? '-narrow' : '';
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 640 } });
  const page = await context.newPage();
  const shoot = async (/** @type {string} */ name, height = 640) => {
    const high = await page.evaluate('document.documentElement.scrollHeight');
    await page.setViewportSize({ width, height: Math.min(high, height) });
    const file = join(IMAGES, `${name}${narrow}-${colorScheme}.png`);
    writeFileSync(file, indexedPng(await page.screenshot({ animations: 'disabled' })));
    await page.setViewportSize({ width, height: 640 });
  };
  await page.goto(`${stage.url}/#/sign-up`);
  await page.getByLabel('E-mail').fill('ada@example');
  await page.getByLabel('Password', { exact: true }).fill('password');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.locator('.fault').first().waitFor();
  await shoot('sign-up', 700);
  await page.goto(stage.url);
  await page.getByLabel('E-mail or user name').fill('ada');
  await shoot('sign-in');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  for (const { name, path, until, height } of PLACES) {
    await page.goto(`${stage.url}/#${path.replace(':grace', stage.grace)}`);
    await page.locator(until).first().waitFor();
    await shoot(name, height);
  }
  await context.close();
}
