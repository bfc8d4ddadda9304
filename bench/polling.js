import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, register, signIn } from './driver.js';
import { addLiveSessions, endOneSession } from './rows.js';

/**
 * @typedef {import('./targets.js').Target} Target
 * @typedef {object} Cost
 * @property {number} polls
 * @property {number} bytes of one poll, both ways, headers included
 * @property {number} client processor milliseconds of one poll at the service that polls
 * @property {number} issuer the same at Latchkey
 */

/** One in so many sessions has ended in the last minutes. */
const ENDED = 1_000;

/**
 * What it costs another service to poll one status list of which nothing has changed, and one that has
 * changed each time. What the processes cost when nobody polls is taken off.
 *
 * @param {import('./targets.js').Workshop} workshop
 * @param {number} sessions in that one list
 * @param {number} seconds
 * @returns {Promise<{ unchanged: Cost, changed: Cost }>}
 */
export async function measurePolling(workshop, sessions, seconds) {
  const databaseUrl = workshop.sqliteUrl();
  await (await workshop.start('service', { databaseUrl })).stop();
  await addLiveSessions(databaseUrl, sessions, ENDED);
  const issuer = await workshop.start('service', { databaseUrl });
  const [reader] = await signIn(issuer.port, await register(issuer.port, 1), 1);
  const watch = (/** @type {number} */ pollInterval, /** @type {boolean} */ changing) =>
    polled(workshop, issuer, { token: reader?.accessToken ?? '', pollInterval, seconds, changing });
  return {
    unchanged: perPoll(await watch(0.02, false), await watch(NEVER, false)),
    changed: perPoll(await watch(CHANGE_EVERY, true), await watch(NEVER, true)),
  };
}

const NEVER = 3_600;

/** Seconds from one sign-out to the next, so that every poll finds another list: a node reads again every 300 ms. */
const CHANGE_EVERY = 0.35;

/**
 * @typedef {{ polls: { ok: number, unchanged: number, failed: number }, bytes: number, client: number, issuer: number }} Reading
 *
 * @param {import('./targets.js').Workshop} workshop
 * @param {Target} issuer
 * @param {{ token: string, pollInterval: number, seconds: number, changing: boolean }} how
 * @returns {Promise<Reading>}
 */
async function polled(workshop, issuer, { token, pollInterval, seconds, changing }) {
  const wire = await countingProxy(issuer.port);
  const host = await workshop.start('resource', { issuerPort: wire.port, pollInterval });
  const connection = await Connection.open(host.port);
  await connection.ask('GET /guarded', 200, { token });
  await sleep(1_000);
  const read = async () => {
    const { polls, cpu } = await connection.ask('GET /cost', 200);
    return { polls, bytes: wire.bytes(), client: cpu, issuer: issuer.cpu() };
  };
  const from = await read();
  for (let time = 0; time < seconds; time += CHANGE_EVERY) {
    if (changing) endOneSession(issuer.databaseUrl);
    await sleep(CHANGE_EVERY * 1000);
  }
  const to = await read();
  connection.close();
  await host.stop();
  wire.close();
  return {
    polls: {
      ok: to.polls.ok - from.polls.ok,
      unchanged: to.polls.unchanged - from.polls.unchanged,
      failed: to.polls.failed - from.polls.failed,
    },
    bytes: to.bytes - from.bytes,
    client: to.client - from.client,
    issuer: to.issuer - from.issuer,
  };
}

/** @param {Reading} busy @param {Reading} idle @returns {Cost} */
function perPoll(busy, idle) {
  const { ok, unchanged, failed } = busy.polls;
  if (failed > 0) throw new Error(`${failed} polls failed`);
  const polls = ok + unchanged;
  return {
    polls,
    bytes: busy.bytes / polls,
    client: (busy.client - idle.client) / polls,
    issuer: (busy.issuer - idle.issuer) / polls,
  };
}

/**
 * Hands everything on, and counts it.
 *
 * @param {number} target
 * @returns {Promise<{ port: number, bytes: () => number, close: () => void }>}
 */
function countingProxy(target) {
  let bytes = 0;
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  const server = createServer((incoming) => {
    const outgoing = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ]) {
      sockets.add(/** @type {import('node:net').Socket} */ (from));
      from?.on('data', (chunk) => {
        bytes += chunk.length;
        to?.write(chunk);
      });
      from?.on('close', () => to?.destroy());
      from?.on('error', () => to?.destroy());
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const close = () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      };
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({ port, bytes: () => bytes, close });
    });
  });
}
