import { setTimeout as sleep } from 'node:timers/promises';
import { inflateSync } from 'node:zlib';
import { register, signIn } from './driver.js';
import { addLiveSessions } from './rows.js';

/**
 * @typedef {import('./targets.js').Target} Target
 * @typedef {import('./driver.js').Session} Session
 * @typedef {{ bytes: number, milliseconds: number }} Fetched
 * @typedef {{ idx: number, uri: string }} Place
 */

/** One in so many sessions has ended in the last minutes. */
const ENDED = 1_000;
const PLACES = 131_072;

/**
 * Fills the table, starts two nodes on it, fetches all lists from each, then signs people out on the first
 * and looks on both until it shows.
 *
 * @param {import('./targets.js').Workshop} workshop
 * @param {string} databaseUrl
 * @param {number} sessions
 * @param {number} rounds
 * @returns {Promise<{ first: Fetched, again: Fetched, delays: number[] }>} `delays` in milliseconds, the slower node's
 */
export async function measureStatusLists(workshop, databaseUrl, sessions, rounds) {
  await (await workshop.start('service', { databaseUrl })).stop();
  await addLiveSessions(databaseUrl, sessions, ENDED);
  const one = await workshop.start('service', { databaseUrl });
  const two = await workshop.start('service', { databaseUrl });
  const lists = Math.ceil(sessions / PLACES);
  const first = await fetchAll(two, lists);
  await sleep(400);
  const again = await fetchAll(two, lists);
  const accounts = await register(one.port, rounds);
  const delays = [];
  for (const session of await signIn(one.port, accounts, rounds)) {
    await post(one, '/auth/logout', { refreshToken: session.refreshToken });
    const from = performance.now();
    await Promise.all([one, two].map((node) => untilItShows(node, session)));
    delays.push(performance.now() - from);
  }
  await Promise.all([one.stop(), two.stop()]);
  return { first, again, delays };
}

/** @param {Target} target @param {number} lists @returns {Promise<Fetched>} */
async function fetchAll(target, lists) {
  const from = performance.now();
  const texts = await Promise.all(
    Array.from({ length: lists }, (_, list) => get(target, `/.well-known/status-lists/${list}`)),
  );
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  return { bytes, milliseconds: performance.now() - from };
}

/** @param {Target} target @param {Session} session */
async function untilItShows(target, session) {
  const { idx, uri } = /** @type {{ status: { status_list: Place } }} */ (
    payload(session.accessToken)
  ).status.status_list;
  for (let turn = 0; turn < 200; turn += 1) {
    const text = await get(target, new URL(uri).pathname);
    const { lst } = /** @type {{ status_list: { lst: string } }} */ (payload(text)).status_list;
    const bits = inflateSync(Buffer.from(lst, 'base64url'));
    if ((bits[idx >> 3] ?? 0) & (1 << (idx & 7))) return;
    await sleep(20);
  }
  throw new Error('a sign-out did not show');
}

/** @param {string} token @returns {unknown} */
function payload(token) {
  return JSON.parse(`${Buffer.from(token.split('.')[1] ?? '', 'base64url')}`);
}

/** @param {Target} target @param {string} path */
async function get({ port }, path) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${text}`);
  return text;
}

/** @param {Target} target @param {string} path @param {object} body */
async function post({ port }, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 204) throw new Error(`POST ${path}: ${answer.status}`);
}
