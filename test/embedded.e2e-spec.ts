import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import {
  ConsoleLogger,
  ForbiddenException,
  type INestApplication,
  type LoggerService,
  type NestInterceptor,
  type PipeTransform,
  ValidationPipe,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { map } from 'rxjs';
import { AccessTokenGuard, LatchkeyEvents, type LatchkeyOptions } from 'latchkey';
import { HostModule } from '../examples/embedded/host.module.js';
import { freePort } from './support/free-port.js';
import { SECRET } from './support/databases.js';
import { Suite } from './support/suite.js';
import { TcpProxy } from './support/tcp-proxy.js';

const PASSWORD = 'a sentence nobody guesses';

interface Host {
  url: string;
  app: INestApplication;
  close(): Promise<void>;
}

async function startHost(
  adapter: 'express' | 'fastify',
  options: LatchkeyOptions = {},
  pipes: readonly PipeTransform[] = [],
  interceptors: readonly NestInterceptor[] = [],
  versioning?: VersioningOptions,
  placement: { path?: string; prefix?: string; logger?: LoggerService } = {},
): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-host-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const host = HostModule.with({
    publicUrl: `${url}${placement.path ?? ''}`,
    databaseUrl: `sqlite:${join(folder, 'host.db')}`,
    bcryptCost: 4,
    rateLimit: 'off',
    ...options,
  });
  const { logger = false } = placement;
  const app =
    adapter === 'express'
      ? await NestFactory.create(host, new ExpressAdapter(), { logger })
      : await NestFactory.create(host, new FastifyAdapter(), { logger });
  app.setGlobalPrefix(placement.prefix ?? '');
  app.useGlobalPipes(...pipes);
  app.useGlobalInterceptors(...interceptors);
  if (versioning !== undefined) app.enableVersioning(versioning);
  await app.listen(port, '127.0.0.1');
  const close = async () => {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, app, close };
}

async function post(url: string, body: object, headers: Record<string, string> = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function signUp(host: Host, email = 'ada@example.com') {
  const answer = await post(`${host.url}/auth/register`, { email, password: PASSWORD });
  expect(answer.status).toBe(201);
  return (await answer.json()) as { accessToken: string; refreshToken: string; sessionId: string };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe.each(['express', 'fastify'] as const)('AuthModule in a host on %s', (adapter) => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost(adapter);
  });
  afterAll(async () => {
    await host.close();
  });

  it('asks the host’s own handleRequest for every request, and waits for it', async () => {
    const { accessToken } = await signUp(host, 'banned@example.com');
    const ask = async () => (await fetch(`${host.url}/auth/sessions`, bearer(accessToken))).status;
    expect(await ask()).toBe(200);
    const banned = () => Promise.reject(new ForbiddenException());
    const spy = jest
      .spyOn(AccessTokenGuard.prototype, 'handleRequest')
      .mockImplementation(banned as never);
    try {
      expect(await ask()).toBe(403);
    } finally {
      spy.mockRestore();
    }
    expect(await ask()).toBe(200);
  });

  it('keeps the users in the host’s own store and signs them in', async () => {
    const signedUp = await signUp(host);
    expect(signedUp.refreshToken).toEqual(expect.any(String));
    const again = await post(`${host.url}/auth/login`, {
      email: 'ADA@example.com',
      password: PASSWORD,
    });
    expect(again.status).toBe(200);
  });

  it('covers no route of the host unless told to', async () => {
    expect((await fetch(`${host.url}/notes/public`)).status).toBe(200);
  });

  it('guards the routes that ask for it', async () => {
    const refused = await fetch(`${host.url}/notes/mine`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
    const { accessToken } = await signUp(host, 'mine@example.com');
    const allowed = await fetch(`${host.url}/notes/mine`, bearer(accessToken));
    expect(allowed.status).toBe(200);
    expect(((await allowed.json()) as { owner: string }).owner).toEqual(expect.any(String));
  });

  it('refuses a user without the role, with insufficient_scope', async () => {
    const { accessToken } = await signUp(host, 'role@example.com');
    const refused = await fetch(`${host.url}/notes/all`, bearer(accessToken));
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
  });

  it('renews, replays a retry and ends the session at reuse', async () => {
    const { refreshToken } = await signUp(host, 'renew@example.com');
    const first = await post(`${host.url}/auth/refresh`, { refreshToken });
    const retry = await post(`${host.url}/auth/refresh`, { refreshToken });
    expect([first.status, retry.status]).toEqual([200, 200]);
    expect(first.headers.get('refresh-outcome')).toBe('rotated');
    expect(retry.headers.get('refresh-outcome')).toBe('replayed');
    const next = (await first.json()) as { refreshToken: string };
    expect(((await retry.json()) as { refreshToken: string }).refreshToken).toBe(next.refreshToken);
    await post(`${host.url}/auth/refresh`, { refreshToken: next.refreshToken });
    const reuse = await post(`${host.url}/auth/refresh`, { refreshToken });
    expect(reuse.status).toBe(401);
    expect(reuse.headers.get('content-type')).toContain('application/problem+json');
    expect(reuse.headers.get('refresh-outcome')).toBe('rejected');
  });

  it('answers errors of its own routes as problem details', async () => {
    const answer = await post(`${host.url}/auth/register`, {
      email: 'x@example.com',
      password: PASSWORD,
      roles: ['admin'],
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '/roles' }],
    });
  });

  it('signs out: the access token of an ended session opens nothing', async () => {
    const { accessToken, refreshToken } = await signUp(host, 'out@example.com');
    expect((await post(`${host.url}/auth/logout`, { refreshToken })).status).toBe(204);
    expect((await fetch(`${host.url}/notes/mine`, bearer(accessToken))).status).toBe(401);
  });

  it('whatever fails in a listener of the host changes nothing', async () => {
    const events = host.app.get(LatchkeyEvents);
    const told: string[] = [];
    const fail = () => {
      throw new Error('the audit log is full');
    };
    const failLater = () => Promise.reject(new Error('the audit log is away'));
    events.on('renewal', fail).on('sessionsEnded', failLater);
    events.on('sessionsEnded', fail).on('sessionsEnded', ({ reason }) => told.push(reason));
    const { refreshToken } = await signUp(host, 'audit@example.com');
    const answer = await post(`${host.url}/auth/refresh`, { refreshToken });
    expect(answer.status).toBe(200);
    const { accessToken } = (await answer.json()) as { accessToken: string };
    const out = await post(`${host.url}/auth/logout-all`, {}, bearer(accessToken).headers);
    expect(out.status).toBe(204);
    expect((await fetch(`${host.url}/notes/mine`, bearer(accessToken))).status).toBe(401);
    expect(told).toEqual(['logout_all']);
    events.removeListener('renewal', fail).removeAllListeners('sessionsEnded');
  });

  it('publishes keys that any JWT library verifies with', async () => {
    const { accessToken } = await signUp(host, 'jose@example.com');
    const keys = createRemoteJWKSet(new URL(`${host.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(accessToken, keys, {
      issuer: host.url,
      audience: host.url,
    });
    expect(payload.sub).toEqual(expect.any(String));
  });
});

describe.each(['express', 'fastify'] as const)('A host on %s', (adapter) => {
  const pipes = [{ transform: true }, { transform: true, whitelist: true }, { whitelist: true }];
  it.each(pipes)('may have a ValidationPipe of its own, with %j', async (options) => {
    const host = await startHost(adapter, {}, [new ValidationPipe(options)]);
    try {
      const { refreshToken } = await signUp(host);
      const email = 'ada@example.com';
      const again = await post(`${host.url}/auth/login`, { email, password: PASSWORD });
      const renewed = await post(`${host.url}/auth/refresh`, { refreshToken });
      const out = await post(`${host.url}/auth/logout`, { refreshToken });
      expect([again.status, renewed.status, out.status]).toEqual([200, 200, 204]);
    } finally {
      await host.close();
    }
  });

  const strictPipes = [
    { whitelist: true },
    { whitelist: true, transform: true, transformOptions: { enableImplicitConversion: true } },
    { whitelist: true, transform: true, validateCustomDecorators: true },
  ];
  it.each(strictPipes)(
    'takes nothing from strictness by a ValidationPipe of its own, with %j',
    async (options) => {
      const host = await startHost(adapter, {}, [new ValidationPipe(options)]);
      try {
        const { accessToken } = await signUp(host);
        const email = 'eve@example.com';
        const withRoles = { email, password: PASSWORD, roles: ['admin'] };
        const register = await post(`${host.url}/auth/register`, withRoles);
        expect([register.status, await register.json()]).toEqual([
          400,
          expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/roles' })] }),
        ]);
        const authorization = `Bearer ${accessToken}`;
        for (const keepCurrent of ['false', 0, 'yes']) {
          const all = await post(`${host.url}/auth/logout-all`, { keepCurrent }, { authorization });
          expect(all.status).toBe(400);
        }
        const query = await fetch(`${host.url}/auth/sessions?nonsense=1`, bearer(accessToken));
        expect(query.status).toBe(400);
        const sessions = await fetch(`${host.url}/auth/sessions`, bearer(accessToken));
        expect(sessions.status).toBe(200);
      } finally {
        await host.close();
      }
    },
  );

  it('changes no answer of Latchkey by an interceptor of its own, which sees it and may set headers', async () => {
    const seen: unknown[] = [];
    const wrapping: NestInterceptor = {
      intercept: (context, next) =>
        next.handle().pipe(
          map((data: unknown) => {
            seen.push(data);
            const response: { header(name: string, value: string): void } = context
              .switchToHttp()
              .getResponse();
            response.header('x-seen', 'yes');
            return { data };
          }),
        ),
    };
    const host = await startHost(adapter, {}, [], [wrapping]);
    try {
      const answer = await post(`${host.url}/auth/register`, {
        email: 'ada@example.com',
        password: PASSWORD,
      });
      expect([answer.status, answer.headers.get('x-seen')]).toEqual([201, 'yes']);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      const tokens = (await answer.json()) as { accessToken: string; refreshToken: string };
      expect(tokens).toMatchObject({ tokenType: 'Bearer', user: { email: 'ada@example.com' } });
      expect(seen).toEqual([tokens]);
      const sessions = await fetch(`${host.url}/auth/sessions`, bearer(tokens.accessToken));
      expect(await sessions.json()).toMatchObject({ sessions: [{ current: true }] });
      const own = await fetch(`${host.url}/notes/mine`, bearer(tokens.accessToken));
      expect(await own.json()).toHaveProperty('data');
      const refused = await post(`${host.url}/auth/login`, {
        email: 'ada@example.com',
        password: 'no',
      });
      expect([refused.status, await refused.json()]).toEqual([
        401,
        expect.objectContaining({ code: 'invalid_credentials' }),
      ]);
      const { refreshToken } = tokens;
      const out = await post(`${host.url}/auth/logout`, { refreshToken });
      expect([out.status, await out.text()]).toEqual([204, '']);
    } finally {
      await host.close();
    }
  });

  it.each<VersioningOptions>([
    { type: VersioningType.HEADER, header: 'x-version', defaultVersion: '2' },
    { type: VersioningType.MEDIA_TYPE, key: 'v=' },
    { type: VersioningType.URI, defaultVersion: '2' },
  ])('hides no route of Latchkey by a versioning of its own: %j', async (versioning) => {
    const host = await startHost(adapter, {}, [], [], versioning);
    try {
      const { accessToken } = await signUp(host);
      const sessions = await fetch(`${host.url}/auth/sessions`, bearer(accessToken));
      expect(sessions.status).toBe(200);
      const jwks = await fetch(`${host.url}/.well-known/jwks.json`);
      expect([jwks.status, await jwks.json()]).toEqual([200, { keys: [expect.anything()] }]);
    } finally {
      await host.close();
    }
  });

  it.each([
    ['', 'api', /serves them at http:\/\/127\.0\.0\.1:\d+\/api\/\.well-known\/jwks\.json/],
    ['/other', 'api/v2', /\/api\/v2\/\.well-known\/jwks\.json/],
    ['/api', 'api', undefined],
    ['/outer/api', 'api', undefined],
    ['', '', undefined],
    ['/behind-a-proxy', '', undefined],
  ])(
    'is warned if its prefix is missing in the public URL: %j with the prefix %j',
    async (path, prefix, expected) => {
      const lines: string[] = [];
      const logger = new ConsoleLogger();
      logger.warn = (message: unknown) => void lines.push(String(message));
      logger.log = () => undefined;
      const host = await startHost(adapter, {}, [], [], undefined, { path, prefix, logger });
      await host.close();
      const said = lines.filter((line) => line.includes('jwks.json'));
      if (expected === undefined) expect(said).toEqual([]);
      else expect(said).toEqual([expect.stringMatching(expected)]);
    },
  );

  it('answers an outage of the storage with 503 on its own routes, too', async () => {
    const suite = new Suite('postgres');
    const url = new URL(`${(await suite.database()).environment['DATABASE_URL']}`);
    const way = await TcpProxy.to(Number(url.port));
    url.port = String(way.port);
    const host = await startHost(adapter, { databaseUrl: url.href, secret: [SECRET] });
    try {
      const { accessToken } = await signUp(host);
      way.fallSilent();
      const answer = await fetch(`${host.url}/notes/mine`, bearer(accessToken));
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    } finally {
      await host.close();
      await way.close();
      await suite.end();
    }
  });
});

describe('two applications in one process', () => {
  it('do not accept each other’s tokens and keep accepting their own', async () => {
    const first = await startHost('express');
    const second = await startHost('fastify');
    try {
      const one = await signUp(first);
      const two = await signUp(second);
      const read = (host: Host, token: string) => fetch(`${host.url}/notes/mine`, bearer(token));
      expect((await read(first, one.accessToken)).status).toBe(200);
      expect((await read(second, two.accessToken)).status).toBe(200);
      expect((await read(first, two.accessToken)).status).toBe(401);
      expect((await read(second, one.accessToken)).status).toBe(401);
      const crossed = await post(`${first.url}/auth/refresh`, { refreshToken: two.refreshToken });
      expect(crossed.status).toBe(401);
    } finally {
      await first.close();
      await second.close();
    }
  });
});
