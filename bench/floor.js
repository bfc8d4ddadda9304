/*
 * The floor: what the same work costs when it is written by hand, with the same primitives and nothing
 * around them. No framework, no validation beyond what the routes need, no retry window, no rate limits, no
 * logs. It is a yardstick, not a service to run.
 *
 * Environment: PORT, DATABASE_URL (sqlite:<file> or postgres://…), BCRYPT_COST, FLOOR_SECRET, FLOOR_GROUPED (`yes`:
 * renewals on SQLite share commits).
 */
import { createHmac, createSecretKey, generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import bcrypt from 'bcrypt';
import jwt from 'jsonwebtoken';
import { openStore } from './floor-stores.js';

const port = Number(process.env['PORT']);
const cost = Number(process.env['BCRYPT_COST'] ?? 12);
const secret = process.env['FLOOR_SECRET'] ?? randomBytes(32).toString('base64url');
const store = await openStore(
  process.env['DATABASE_URL'] ?? 'sqlite:floor.db',
  process.env['FLOOR_GROUPED'] === 'yes',
);

const ISSUER = 'http://latchkey.bench';
const ACCESS_LIFE = 600;
const IDLE_LIFE = 30 * 86_400_000;
const FULL_LIFE = 180 * 86_400_000;

const refreshKey = createSecretKey(Buffer.from(secret));
const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });

class Refusal extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

/** Lets as many hashes run at once as the service does; the rest wait in order. */
let free = Math.max(1, availableParallelism() - 1);
/** @type {(() => void)[]} */
const waiting = [];

/**
 * @template Result
 * @param {() => Promise<Result>} work
 */
async function inLane(work) {
  if (free > 0) free -= 1;
  else await new Promise((resolve) => waiting.push(() => resolve(undefined)));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

/** @param {string} password */
function peppered(password) {
  return createHmac('sha384', secret).update(password.normalize('NFC')).digest('base64');
}

/** @param {import('./floor-stores.js').User} user @param {string} sid @param {number} generation @param {number} startedAt */
function tokens(user, sid, generation, startedAt) {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, sub: user.id, aud: [ISSUER], iat, sid, jti: randomUUID() };
  const accessToken = jwt.sign(
    {
      ...claims,
      exp: iat + ACCESS_LIFE,
      client_id: 'latchkey',
      auth_time: Math.floor(startedAt / 1000),
      amr: ['pwd'],
      roles: user.roles,
      scope: '',
    },
    privateKey,
    { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt', kid: 'floor' } },
  );
  const refreshToken = jwt.sign(
    { ...claims, aud: ISSUER, gen: generation, exp: iat + IDLE_LIFE / 1000 },
    refreshKey,
    { algorithm: 'HS256', header: { alg: 'HS256', typ: 'rt+jwt' } },
  );
  return {
    tokenType: 'Bearer',
    accessToken,
    expiresIn: ACCESS_LIFE,
    refreshToken,
    refreshExpiresIn: IDLE_LIFE / 1000,
    sessionId: sid,
    user: { id: user.id, email: user.email, roles: user.roles, createdAt: user.createdAt },
  };
}

/** @param {import('./floor-stores.js').User} user @param {import('node:http').IncomingMessage} request */
async function startSession(user, request) {
  const id = randomUUID();
  const now = Date.now();
  await store.addSession({
    id,
    userId: user.id,
    seed: randomBytes(16).toString('base64url'),
    ip: request.socket.remoteAddress ?? '',
    userAgent: request.headers['user-agent'] ?? null,
    now,
    expiresAt: now + IDLE_LIFE,
  });
  return tokens(user, id, 0, now);
}

/** @param {any} body @param {import('node:http').IncomingMessage} request */
async function register({ email, password }, request) {
  const passwordHash = await inLane(() => bcrypt.hash(peppered(password), cost));
  const user = { id: randomUUID(), email, passwordHash, roles: ['user'], createdAt: Date.now() };
  await store.addUser(user);
  return startSession(user, request);
}

/** @param {any} body @param {import('node:http').IncomingMessage} request */
async function login({ email, password }, request) {
  const user = await store.findUser(email);
  if (user === undefined) throw new Refusal(401);
  const right = await inLane(() => bcrypt.compare(peppered(password), user.passwordHash));
  if (!right) throw new Refusal(401);
  if (bcrypt.getRounds(user.passwordHash) !== cost) {
    await store.replaceHash(user.id, await inLane(() => bcrypt.hash(peppered(password), cost)));
  }
  return startSession(user, request);
}

/** @param {any} body */
async function refresh({ refreshToken }) {
  const { sid, gen } = verified(refreshToken, refreshKey, 'HS256');
  const change = { id: sid, generation: gen, idleLife: IDLE_LIFE, fullLife: FULL_LIFE };
  const renewed = await store.advance({ ...change, now: Date.now() });
  if (renewed !== undefined) {
    return tokens(renewed.user, sid, renewed.generation, renewed.createdAt);
  }
  await store.end(sid, Date.now());
  throw new Refusal(401);
}

/** @param {unknown} _body @param {import('node:http').IncomingMessage} request */
async function guarded(_body, request) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const { sid } = verified(token, publicKey, 'ES256');
  if (!(await store.isAlive(sid, Date.now()))) throw new Refusal(401);
  return open();
}

function open() {
  return { message: 'the same answer on both routes', items: [1, 2, 3] };
}

/** @param {unknown} token @param {import('node:crypto').KeyObject} key @param {import('jsonwebtoken').Algorithm} algorithm @returns {any} */
function verified(token, key, algorithm) {
  try {
    return jwt.verify(String(token), key, {
      algorithms: [algorithm],
      issuer: ISSUER,
      audience: ISSUER,
    });
  } catch {
    throw new Refusal(401);
  }
}

/** @type {Record<string, { status: number, answer: (body: any, request: import('node:http').IncomingMessage) => unknown }>} */
const ROUTES = {
  'POST /auth/register': { status: 201, answer: register },
  'POST /auth/login': { status: 200, answer: login },
  'POST /auth/refresh': { status: 200, answer: refresh },
  'GET /guarded': { status: 200, answer: guarded },
  'GET /open': { status: 200, answer: open },
  'GET /health/ready': { status: 200, answer: () => ({ status: 'ready' }) },
};

/** @param {import('node:http').IncomingMessage} request */
async function readBody(request) {
  if (request.method !== 'POST') return {};
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const server = createServer({ keepAliveTimeout: 72_000 }, async (request, response) => {
  try {
    const route = ROUTES[`${request.method} ${request.url}`];
    if (route === undefined) throw new Refusal(404);
    send(response, route.status, await route.answer(await readBody(request), request));
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    send(response, error instanceof Refusal ? error.status : 500, { error: String(error) });
  }
});

/** @param {import('node:http').ServerResponse} response @param {number} status @param {unknown} value */
function send(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
