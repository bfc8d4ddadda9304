import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Meter } from './statistics.js';

/**
 * @typedef {{ email: string, password: string }} Account
 * @typedef {{ accessToken: string, refreshToken: string }} Session
 */

/** As long as a browser's is: it is kept with each session. */
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * One keep-alive connection with one request at a time, on a bare socket: Node's own client costs about as
 * much as the service that is measured, and would hide what it can do.
 */
export class Connection {
  #socket;
  #port;
  #received = Buffer.alloc(0);
  /** @type {{ resolve: (answer: { status: number, body: string }) => void, reject: (error: Error) => void } | undefined} */
  #pending;

  /** @param {import('node:net').Socket} socket @param {number} port */
  constructor(socket, port) {
    this.#socket = socket;
    this.#port = port;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed in mid-request')));
  }

  /** @param {number} port @returns {Promise<Connection>} */
  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, port));
      });
    });
  }

  /**
   * Sends a request and insists on the status of the answer.
   *
   * @param {string} line such as `GET /open`
   * @param {number} status
   * @param {{ body?: unknown, token?: string }} [options]
   * @returns {Promise<any>} the parsed body
   * @throws Error for any other status: a benchmark that counts refusals measures nothing.
   */
  async ask(line, status, { body, token } = {}) {
    const answer = await this.#exchange(line, body, token);
    if (answer.status !== status) {
      throw new Error(
        `${line}: expected ${status}, got ${answer.status} ${answer.body.slice(0, 300)}`,
      );
    }
    return answer.body === '' ? undefined : JSON.parse(answer.body);
  }

  close() {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  /** @param {string} line @param {unknown} body @param {string | undefined} token @returns {Promise<{ status: number, body: string }>} */
  #exchange(line, body, token) {
    const text = body === undefined ? '' : JSON.stringify(body);
    const head = [
      `${line} HTTP/1.1`,
      `Host: 127.0.0.1:${this.#port}`,
      `User-Agent: ${USER_AGENT}`,
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      ...(body === undefined
        ? []
        : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`]),
    ];
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
    });
  }

  /** @param {Buffer} chunk */
  #read(chunk) {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const status = Number(head.slice(9, 12));
    if (length === undefined && status !== 204) {
      this.#fail(new Error(`an answer without Content-Length: ${head}`));
      return;
    }
    const whole = end + END_OF_HEAD.length + Number(length ?? 0);
    if (this.#received.length < whole) return;
    const body = this.#received.toString('utf8', end + END_OF_HEAD.length, whole);
    this.#received = Buffer.alloc(0);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve({ status, body });
  }

  /** @param {Error} error */
  #fail(error) {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}

/**
 * @template Result
 * @param {number} port
 * @param {number} count
 * @param {(connections: Connection[]) => Promise<Result>} work
 */
async function withConnections(port, count, work) {
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(port)));
  try {
    return await work(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/**
 * Repeats a step on every connection, each as fast as it is answered.
 *
 * @param {number} port
 * @param {number} connections
 * @param {number} milliseconds
 * @param {(connection: Connection, index: number, turn: number) => Promise<void>} step
 * @returns {Promise<number>} steps per second, of all connections together
 */
export function throughput(port, connections, milliseconds, step) {
  return withConnections(port, connections, async (open) => {
    const meter = new Meter();
    const deadline = performance.now() + milliseconds;
    const loop = async (/** @type {Connection} */ connection, /** @type {number} */ index) => {
      for (let turn = 0; performance.now() < deadline; turn += 1) {
        await step(connection, index, turn);
        if (performance.now() < deadline) meter.count();
      }
    };
    await Promise.all(open.map(loop));
    return meter.perSecond();
  });
}

/**
 * Runs one task for each item, spread over some connections.
 *
 * @template Item, Result
 * @param {number} port
 * @param {number} connections
 * @param {readonly Item[]} items
 * @param {(connection: Connection, item: Item) => Promise<Result>} task
 * @returns {Promise<Result[]>}
 */
export function forEach(port, connections, items, task) {
  return withConnections(port, connections, async (open) => {
    /** @type {Result[]} */
    const results = [];
    let next = 0;
    const loop = async (/** @type {Connection} */ connection) => {
      while (next < items.length) {
        const index = next++;
        results[index] = await task(connection, /** @type {Item} */ (items[index]));
      }
    };
    await Promise.all(open.map(loop));
    return results;
  });
}

/** @param {number} port @param {number} count @returns {Promise<(Account & Session)[]>} */
export function register(port, count) {
  const accounts = Array.from({ length: count }, (_, index) => ({
    email: `bench-${index}-${randomBytes(5).toString('hex')}@example.com`,
    password: randomBytes(15).toString('base64url'),
  }));
  return forEach(port, 8, accounts, async (connection, account) => ({
    ...account,
    ...asSession(await connection.ask('POST /auth/register', 201, { body: account })),
  }));
}

/** @param {number} port @param {readonly Account[]} accounts @param {number} count @returns {Promise<Session[]>} */
export function signIn(port, accounts, count) {
  const wanted = Array.from({ length: count }, (_, index) => accounts[index % accounts.length]);
  return forEach(port, 8, wanted, (connection, account) =>
    signInOnce(connection, /** @type {Account} */ (account)),
  );
}

/** @param {Connection} connection @param {Account} account @returns {Promise<Session>} */
export async function signInOnce(connection, { email, password }) {
  return asSession(await connection.ask('POST /auth/login', 200, { body: { email, password } }));
}

/**
 * Renews with the session's newest token and keeps the answer's.
 *
 * @param {Connection} connection
 * @param {Session} session
 */
export async function renew(connection, session) {
  const { refreshToken } = session;
  const next = asSession(
    await connection.ask('POST /auth/refresh', 200, { body: { refreshToken } }),
  );
  if (next.refreshToken === refreshToken) throw new Error('the renewal was a replay');
  Object.assign(session, next);
}

/** @param {any} answer @returns {Session} */
function asSession({ accessToken, refreshToken }) {
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') {
    throw new Error('an answer without tokens');
  }
  return { accessToken, refreshToken };
}

/**
 * Renewals at an even pace, whether or not the earlier ones were answered. What has to wait because
 * every session is still busy is counted from when it was due.
 *
 * @param {number} port
 * @param {readonly Session[]} sessions
 * @param {number} perSecond
 * @param {number} milliseconds
 * @returns {Promise<number[]>} milliseconds each took
 */
export function pacedRenewals(port, sessions, perSecond, milliseconds) {
  return withConnections(port, sessions.length, async (connections) => {
    const idle = sessions.map((session, index) => ({ session, connection: connections[index] }));
    /** @type {((pair: (typeof idle)[number]) => void)[]} */
    const waiting = [];
    /** @type {number[]} */
    const latencies = [];
    const once = async () => {
      const from = performance.now();
      const pair = idle.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
      await renew(pair.connection, pair.session);
      latencies.push(performance.now() - from);
      const next = waiting.shift();
      if (next === undefined) idle.push(pair);
      else next(pair);
    };
    const running = [];
    const start = performance.now();
    for (let index = 0; index * (1000 / perSecond) < milliseconds; index += 1) {
      await sleep(Math.max(0, start + index * (1000 / perSecond) - performance.now()));
      running.push(once());
    }
    await Promise.all(running);
    return latencies;
  });
}
