import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  forEach,
  pacedRenewals,
  register,
  renew,
  signIn,
  signInOnce,
  throughput,
} from './driver.js';
import { measurePolling } from './polling.js';
import { addClient, fillUp, sessionBytes } from './rows.js';
import { median, quantile } from './statistics.js';
import { measureStatusLists } from './status-lists.js';

/**
 * @typedef {import('./targets.js').Workshop} Workshop
 * @typedef {import('./targets.js').Target} Target
 * @typedef {import('./driver.js').Session} Session
 *
 * @typedef {object} Context
 * @property {Workshop} workshop
 * @property {boolean} quick
 * @property {(line: string) => void} log
 *
 * @typedef {{ figure: string, goal: string, measured: string, met: boolean, floor: string, service: string }} Row
 */

const CONNECTIONS = 32;
const NOTHING = '-';

/**
 * Runs two measurements in turn, in changing order, so that whatever else the machine does meets both.
 *
 * @param {Context} context
 * @param {number} rounds
 * @param {() => Promise<number>} ours
 * @param {() => Promise<number>} theirs
 * @returns {Promise<{ ratio: number, ours: number, theirs: number }>} medians; the ratio is taken round by round
 */
async function inTurn(context, rounds, ours, theirs) {
  /** @type {{ ours: number, theirs: number }[]} */
  const pairs = [];
  for (let round = 0; round < rounds; round += 1) {
    const pair = { ours: 0, theirs: 0 };
    if (round % 2 === 1) pair.ours = await ours();
    pair.theirs = await theirs();
    if (round % 2 === 0) pair.ours = await ours();
    pairs.push(pair);
    context.log(
      `  ${pair.ours.toFixed(1)} / ${pair.theirs.toFixed(1)} = ${two(pair.ours / pair.theirs)}`,
    );
  }
  return {
    ratio: median(pairs.map((pair) => pair.ours / pair.theirs)),
    ours: median(pairs.map((pair) => pair.ours)),
    theirs: median(pairs.map((pair) => pair.theirs)),
  };
}

/** 1: what of the machine's hashing gets through to people who sign in. @param {Context} context @returns {Promise<Row[]>} */
async function signIns(context) {
  const { workshop, quick } = context;
  const cost = 10;
  const time = quick ? 2_000 : 3_500;
  const flood = async (/** @type {'service' | 'floor'} */ kind) => {
    const target = await workshop.start(kind, { cost });
    const accounts = await register(target.port, 16);
    return () =>
      throughput(target.port, 16, time, (connection, index) =>
        signInTo(connection, accounts, index),
      );
  };
  const service = await flood('service');
  const floor = await flood('floor');
  const bare = () => rawHashes(cost, time);
  const rounds = quick ? 1 : 3;
  const result = await inTurn(context, rounds, service, bare);
  const yardstick = await inTurn(context, 1, floor, bare);
  return [
    atLeast(
      `sign-ins/s over bare bcrypt hashes/s (cost ${cost}, 16 connections)`,
      0.95,
      result.ratio,
      {
        floor: `${two(yardstick.ratio)}; ${rate(yardstick.ours)}`,
        service: `${rate(result.ours)}; bcrypt alone ${rate(result.theirs)}`,
      },
    ),
  ];
}

/** @param {import('./driver.js').Connection} connection @param {readonly import('./driver.js').Account[]} accounts @param {number} index */
async function signInTo(connection, accounts, index) {
  const account = accounts[index % accounts.length];
  if (account !== undefined) await signInOnce(connection, account);
}

/** @param {number} cost @param {number} milliseconds @returns {Promise<number>} */
function rawHashes(cost, milliseconds) {
  const program = fileURLToPath(new URL('raw-bcrypt.js', import.meta.url));
  const child = spawn(process.execPath, [program, String(cost), String(milliseconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve(Number(output)) : reject(new Error('raw-bcrypt.js failed')),
    );
  });
}

/**
 * Renewals on 32 connections; each goes round the sessions that are its own.
 *
 * @param {Target} target
 * @param {readonly Session[]} sessions
 * @param {number} milliseconds
 */
function renewals(target, sessions, milliseconds) {
  const own = sessions.length / CONNECTIONS;
  return throughput(target.port, CONNECTIONS, milliseconds, async (connection, index, turn) => {
    const session = sessions[index + CONNECTIONS * (turn % own)];
    if (session !== undefined) await renew(connection, session);
  });
}

/** @param {Target} target @param {number} count */
async function sessionsOn(target, count) {
  return signIn(target.port, await register(target.port, CONNECTIONS), count);
}

/**
 * 2 and 3.
 *
 * @param {Context} context
 * @param {() => Promise<string>} database
 * @param {(databaseUrl: string) => Promise<Target>} start what is held against the floor
 * @returns {Promise<{ ratio: number, ours: number, theirs: number }>}
 */
async function renewalOverFloor(context, database, start) {
  const { workshop, quick } = context;
  const prepare = async (/** @type {Target} */ target) => {
    const sessions = await sessionsOn(target, CONNECTIONS);
    await renewals(target, sessions, quick ? 1_000 : 2_000);
    return () => renewals(target, sessions, quick ? 1_000 : 2_000);
  };
  const ours = await prepare(await start(await database()));
  const floor = await workshop.start('floor', { databaseUrl: await database() });
  return inTurn(context, quick ? 3 : 7, ours, await prepare(floor));
}

/** @param {Context} context @returns {Promise<Row[]>} */
async function renewalOnSqlite(context) {
  const { workshop } = context;
  const over = (/** @type {(databaseUrl: string) => Promise<Target>} */ start) =>
    renewalOverFloor(context, async () => workshop.sqliteUrl(), start);
  const result = await over((databaseUrl) => workshop.start('service', { databaseUrl }));
  await workshop.stopAll();
  const grouped = await over((databaseUrl) =>
    workshop.start('floor', { databaseUrl, grouped: true }),
  );
  return [
    atLeast('renewal, 32 connections, SQLite `synchronous=FULL`, over the floor', 2, result.ratio, {
      floor: rate(result.theirs),
      service: rate(result.ours),
    }),
    {
      figure: 'the same of a floor that shares commits, over the floor',
      goal: NOTHING,
      measured: two(grouped.ratio),
      met: true,
      floor: `${rate(grouped.ours)} of ${rate(grouped.theirs)}`,
      service: NOTHING,
    },
  ];
}

/** @param {Context} context @returns {Promise<Row[]>} */
async function renewalOnPostgres(context) {
  const { workshop } = context;
  const database = () => workshop.postgresUrl();
  const result = await renewalOverFloor(context, database, (databaseUrl) =>
    workshop.start('service', { databaseUrl }),
  );
  return [
    atLeast('renewal, 32 connections, PostgreSQL, over the floor', 0.7, result.ratio, {
      floor: rate(result.theirs),
      service: rate(result.ours),
    }),
  ];
}

/** 4: in a host application whose routes do nothing else. @param {Context} context @returns {Promise<Row[]>} */
async function guardedRoute(context) {
  const host = await guardCost(context, 'host');
  const floor = await guardCost(context, 'floor');
  return [
    atLeast('guarded GET over unguarded GET, one process, SQLite', 0.8, host.ratio, {
      floor: `${two(floor.ratio)}; ${rate(floor.ours)} of ${rate(floor.theirs)}`,
      service: `${rate(host.ours)} of ${rate(host.theirs)}`,
    }),
  ];
}

/** @param {Context} context @param {'host' | 'floor'} kind */
async function guardCost(context, kind) {
  const { workshop } = context;
  const target = await workshop.start(kind);
  const sessions = await sessionsOn(target, CONNECTIONS * 8);
  const result = await guardRatio(context, target, sessions);
  await target.stop();
  return result;
}

/**
 * @param {Context} context
 * @param {Target} target
 * @param {readonly Session[]} sessions
 * @returns {Promise<{ ratio: number, ours: number, theirs: number, open: number, guarded: number }>} also the processor time of a request on either route (µs), which tells more while others use the machine
 */
async function guardRatio(context, target, sessions) {
  const { quick } = context;
  const time = quick ? 800 : 2_000;
  /** @type {{ open: number[], guarded: number[] }} */
  const costs = { open: [], guarded: [] };
  const get = (/** @type {'open' | 'guarded'} */ path) => async () => {
    const before = target.cpu();
    const perSecond = await throughput(
      target.port,
      CONNECTIONS,
      time,
      async (connection, index, turn) => {
        const token = sessions[index + CONNECTIONS * (turn % 8)]?.accessToken ?? '';
        await connection.ask(`GET /${path}`, 200, path === 'guarded' ? { token } : {});
      },
    );
    costs[path].push(((target.cpu() - before) * 1e6) / (perSecond * time));
    return perSecond;
  };
  await get('open')();
  await get('guarded')();
  Object.assign(costs, { open: [], guarded: [] });
  const result = await inTurn(context, quick ? 3 : 4, get('guarded'), get('open'));
  return { ...result, open: median(costs.open), guarded: median(costs.guarded) };
}

/** 5: what renewals notice of a flood of sign-ins. @param {Context} context @returns {Promise<Row[]>} */
async function renewalDuringFlood(context) {
  const service = await floodEffect(context, 'service');
  const floor = await floodEffect(context, 'floor');
  return [
    atMost(
      'p99 of 50 renewals/s during 16 connections of sign-ins (cost 12) over p99 without',
      2,
      service.ratio,
      {
        floor: `${two(floor.ratio)}; ${ms(floor.ours)} over ${ms(floor.theirs)}`,
        service: `${ms(service.ours)} over ${ms(service.theirs)}`,
      },
    ),
  ];
}

/** @param {Context} context @param {'service' | 'floor'} kind */
async function floodEffect(context, kind) {
  const { workshop, quick } = context;
  const cheap = await workshop.start(kind, { cost: 4 });
  const accounts = await register(cheap.port, 16);
  const sessions = await signIn(cheap.port, accounts, 100);
  await cheap.stop();
  const target = await workshop.start(kind, { databaseUrl: cheap.databaseUrl, cost: 12 });
  await signIn(target.port, accounts, accounts.length);
  await pacedRenewals(target.port, sessions, 100, 1_500);
  const time = quick ? 3_000 : 6_000;
  const p99 = async () => quantile(await pacedRenewals(target.port, sessions, 50, time), 0.99);
  const during = async () => {
    const flood = throughput(target.port, 16, time + 500, (connection, index) =>
      signInTo(connection, accounts, index),
    );
    const [latency] = await Promise.all([p99(), flood]);
    return latency;
  };
  const result = await inTurn(context, quick ? 2 : 3, during, p99);
  await target.stop();
  return result;
}

/** 6: the driven sessions lie spread over the whole table. @param {Context} context @returns {Promise<Row[]>} */
async function bigTable(context) {
  const { workshop, quick } = context;
  const driven = CONNECTIONS * 31;
  const big = quick ? 50_000 : 200_000;
  const prepare = async (/** @type {number} */ total) => {
    const target = await workshop.start('service');
    const sessions = await sessionsOn(target, driven);
    fillUp(target.databaseUrl, total);
    await renewals(target, sessions, quick ? 500 : 1_500);
    return () => renewals(target, sessions, quick ? 1_000 : 3_000);
  };
  const many = await prepare(big);
  const few = await prepare(1_000);
  const result = await inTurn(context, quick ? 3 : 5, many, few);
  return [
    atLeast(
      `renewal with ${big.toLocaleString('en')} sessions over 1,000, SQLite`,
      0.95,
      result.ratio,
      {
        floor: NOTHING,
        service: `${rate(result.ours)} over ${rate(result.theirs)}`,
      },
    ),
  ];
}

/** 7: nothing is vacuumed by hand. @param {Context} context @returns {Promise<Row[]>} */
async function storage(context) {
  return [
    ...(await bytesASession(context, 'SQLite', context.workshop.sqliteUrl())),
    ...(await bytesASession(context, 'PostgreSQL', await context.workshop.postgresUrl())),
  ];
}

/** @param {Context} context @param {string} name @param {string} databaseUrl @returns {Promise<Row[]>} */
async function bytesASession({ workshop, quick, log }, name, databaseUrl) {
  const target = await workshop.start('service', { databaseUrl });
  const empty = await sessionBytes(databaseUrl);
  const accounts = await register(target.port, CONNECTIONS);
  const sessions = await signIn(target.port, accounts, CONNECTIONS * (quick ? 10 : 80));
  const filled = await sessionBytes(databaseUrl);
  const fresh = (filled.bytes - empty.bytes) / filled.count;
  const turns = quick ? 10 : 100;
  log(`  ${name}: ${fresh.toFixed(0)} bytes fresh, renewing ${sessions.length * turns} times`);
  await renewTimes(target, sessions, turns);
  const worn = ((await sessionBytes(databaseUrl)).bytes - empty.bytes) / filled.count;
  log(`  ${name}: ${worn.toFixed(0)} bytes after ${turns} renewals each`);
  await target.stop();
  return [
    {
      ...atMost(`bytes a session with its index, ${name}`, 500, fresh, {
        floor: NOTHING,
        service: NOTHING,
      }),
      measured: fresh.toFixed(0),
    },
    atMost(
      `the same after ${turns} renewals each over fresh, ${name}`,
      1.05,
      worn / fresh,
      {
        floor: NOTHING,
        service: `${worn.toFixed(0)} bytes`,
      },
      '1 (up to 1.05)',
    ),
  ];
}

/** @param {Target} target @param {readonly Session[]} sessions @param {number} turns */
async function renewTimes(target, sessions, turns) {
  const own = sessions.length / CONNECTIONS;
  await forEach(
    target.port,
    CONNECTIONS,
    Array.from({ length: CONNECTIONS }, (_, index) => index),
    async (connection, index) => {
      for (let turn = 0; turn < own * turns; turn += 1) {
        const session = sessions[index + CONNECTIONS * (turn % own)];
        if (session !== undefined) await renew(connection, session);
      }
    },
  );
}

/** 8: from an empty directory, so with migrations and the making of keys. @param {Context} context @returns {Promise<Row[]>} */
async function startAndMemory(context) {
  const service = await startsAndRests(context, 'service');
  const floor = await startsAndRests(context, 'floor');
  const mb = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    {
      ...atMost('ready after start on an empty directory, seconds', 1.5, service.ready / 1000, {
        floor: `${two(floor.ready / 1000)} s`,
        service: `${two(service.again / 1000)} s on a filled one`,
      }),
    },
    {
      ...atMost('resident memory after a short load, MB', 150, service.memory / 1e6, {
        floor: mb(floor.memory),
        service: NOTHING,
      }),
      measured: (service.memory / 1e6).toFixed(0),
    },
  ];
}

/** @param {Context} context @param {'service' | 'floor'} kind */
async function startsAndRests({ workshop, quick, log }, kind) {
  const first = [];
  const again = [];
  for (let round = 0; round < (quick ? 2 : 5); round += 1) {
    const fresh = await workshop.start(kind);
    await fresh.stop();
    const second = await workshop.start(kind, { databaseUrl: fresh.databaseUrl });
    await second.stop();
    first.push(fresh.readyAfter);
    again.push(second.readyAfter);
  }
  const target = await workshop.start(kind);
  await renewals(target, await sessionsOn(target, CONNECTIONS * 4), quick ? 1_000 : 4_000);
  const memory = target.memory();
  await target.stop();
  log(`  ${kind}: ${first.map(ms).join(', ')}; ${(memory / 1e6).toFixed(0)} MB`);
  return { ready: median(first), again: median(again), memory };
}

/** 9: two nodes; one in a thousand sessions has just ended. @param {Context} context @returns {Promise<Row[]>} */
async function statusLists(context) {
  const { workshop, quick, log } = context;
  const rows = [];
  for (const name of ['SQLite', 'PostgreSQL']) {
    for (const sessions of quick ? [10_000] : [10_000, 1_000_000]) {
      const rounds = quick ? 3 : 10;
      const url = name === 'SQLite' ? workshop.sqliteUrl() : await workshop.postgresUrl();
      const result = await measureStatusLists(workshop, url, sessions, rounds);
      const { first, again, delays } = result;
      log(`  ${name}, ${sessions}: ${first.bytes} bytes; shown after ${delays.map(ms).join(', ')}`);
      const all = `all lists of ${sessions.toLocaleString('en')} sessions, ${name}`;
      const absolute = {
        floor: NOTHING,
        service: `${ms(first.milliseconds)} first, ${ms(again.milliseconds)} then`,
      };
      const slowest = Math.max(...delays) / 1000;
      rows.push(
        atMost(`${all}, KB`, 200, first.bytes / 1000, absolute),
        atMost(`sign-out to list on both of two nodes, slowest of ${rounds}, seconds`, 1, slowest, {
          floor: NOTHING,
          service: `median ${ms(median(delays))}`,
        }),
      );
    }
  }
  return rows;
}

/** 10: a Nest application with the kit; its floor is the plain passport-jwt way. @param {Context} context @returns {Promise<Row[]>} */
async function resourceServer(context) {
  const { workshop } = context;
  const issuer = await workshop.start('service');
  const client = addClient(issuer.databaseUrl);
  const sessions = await sessionsOn(issuer, CONNECTIONS * 8);
  const cost = async (/** @type {'resource' | 'passport'} */ kind) => {
    const host = await workshop.start(kind, { issuerPort: issuer.port, client });
    const result = await guardRatio(context, host, sessions);
    if (kind === 'passport') await host.stop();
    return { ...result, host };
  };
  const plain = await cost('passport');
  const kit = await cost('resource');
  const waits = await latencies(context, kit.host, issuer, sessions);
  return [
    atLeast('guarded GET over unguarded GET of another service, with the kit', 0.85, kit.ratio, {
      floor: `passport-jwt and jwks-rsa: ${two(plain.ratio)}; ${rate(plain.ours)} of ${rate(plain.theirs)}`,
      service: `${rate(kit.ours)} of ${rate(kit.theirs)}`,
    }),
    {
      figure: 'the same in processor time',
      goal: NOTHING,
      measured: two(kit.open / kit.guarded),
      met: true,
      floor: `${two(plain.open / plain.guarded)}; ${us(plain.guarded)} over ${us(plain.open)}`,
      service: `${us(kit.guarded)} over ${us(kit.open)}`,
    },
    {
      figure: 'median of one call at a time: unguarded, guarded, `@Fresh()`; `/auth/verify` itself',
      goal: NOTHING,
      measured: waits.map((wait) => `${two(wait)} ms`).join(', '),
      met: true,
      floor: NOTHING,
      service: NOTHING,
    },
  ];
}

/** @param {Context} context @param {Target} host @param {Target} issuer @param {readonly Session[]} sessions @returns {Promise<number[]>} */
async function latencies({ quick }, host, issuer, sessions) {
  const medianOf = async (/** @type {Target} */ { port }, /** @type {string} */ path) => {
    /** @type {number[]} */
    const times = [];
    await throughput(port, 1, quick ? 500 : 2_000, async (connection, _index, turn) => {
      const token = sessions[turn % sessions.length]?.accessToken ?? '';
      const from = performance.now();
      await connection.ask(`GET ${path}`, 200, { token });
      times.push(performance.now() - from);
    });
    return median(times);
  };
  return [
    await medianOf(host, '/open'),
    await medianOf(host, '/guarded'),
    await medianOf(host, '/fresh'),
    await medianOf(issuer, '/auth/verify'),
  ];
}

/** 11: of another service, one list. @param {Context} context @returns {Promise<Row[]>} */
async function polling({ workshop, quick, log }) {
  const sessions = 100_000;
  const { unchanged, changed } = await measurePolling(workshop, sessions, quick ? 4 : 20);
  log(`  ${unchanged.polls} polls unchanged, ${changed.polls} changed`);
  return [
    { name: 'unchanged (304)', cost: unchanged },
    { name: 'changed', cost: changed },
  ].map(({ name, cost }) => ({
    figure: `a poll of a list with ${sessions.toLocaleString('en')} sessions, ${name}`,
    goal: NOTHING,
    measured: `${cost.bytes.toFixed(0)} bytes`,
    met: true,
    floor: NOTHING,
    service: `${two(cost.client)} ms of processor where it is polled from, ${two(cost.issuer)} ms at Latchkey`,
  }));
}

/** 12: `latchkey/testing`, in fresh processes whose files the system has read before. @param {Context} context @returns {Promise<Row[]>} */
async function testKit({ quick, log }) {
  /** @type {{ first: number, warm: number[], people: number[] }[]} */
  const runs = [];
  for (let round = 0; round <= (quick ? 1 : 3); round += 1) runs.push(await testKitRun());
  const counted = runs.slice(1);
  const first = median(counted.map((run) => run.first));
  const warm = median(counted.flatMap((run) => run.warm));
  const people = counted.flatMap((run) => run.people);
  log(`  first ${ms(first)}, then ${ms(warm)}; 100 people: ${people.map(ms).join(', ')}`);
  return [
    atMost('test kit: 100 signed-in users in process, seconds', 1, median(people) / 1000, {
      floor: NOTHING,
      service: `slowest ${ms(Math.max(...people))}`,
    }),
    atMost('test kit: start to first token, ms, warm', 500, warm, {
      floor: NOTHING,
      service: `${ms(first)} for the first of a process, which loads the application`,
    }),
  ];
}

/** @returns {Promise<{ first: number, warm: number[], people: number[] }>} milliseconds */
async function testKitRun() {
  const script = fileURLToPath(new URL('test-kit.js', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text);
}

/** @param {string} figure @param {number} goal @param {number} measured @param {{ floor: string, service: string }} absolute @returns {Row} */
function atLeast(figure, goal, measured, absolute) {
  return { figure, goal: `≥ ${goal}`, measured: two(measured), met: measured >= goal, ...absolute };
}

/** @param {string} figure @param {number} goal @param {number} measured @param {{ floor: string, service: string }} absolute @param {string} [text] @returns {Row} */
function atMost(figure, goal, measured, absolute, text = `≤ ${goal}`) {
  return { figure, goal: text, measured: two(measured), met: measured <= goal, ...absolute };
}

/** @param {number} value */
function two(value) {
  return value.toFixed(2);
}

/** @param {number} value */
function ms(value) {
  return `${value.toFixed(1)} ms`;
}

/** @param {number} value */
function us(value) {
  return `${value.toFixed(1)} µs`;
}

/** @param {number} value */
function rate(value) {
  return `${value < 100 ? value.toFixed(1) : value.toFixed(0)}/s`;
}

/** In the order and with the numbers of `--only`. */
export const FIGURES = [
  signIns,
  renewalOnSqlite,
  renewalOnPostgres,
  guardedRoute,
  renewalDuringFlood,
  bigTable,
  storage,
  startAndMemory,
  statusLists,
  resourceServer,
  polling,
  testKit,
];
