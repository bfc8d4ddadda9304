import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { CONFIG, resolveOptions } from '../src/config.js';
import { Database } from '../src/database/database.js';
import { StorageUnavailableError } from '../src/database/storage-error.js';
import { FoundationModule } from '../src/foundation.module.js';
import { SigningKeys } from '../src/keys/signing-keys.js';
import { AccessTokens } from '../src/tokens/access-tokens.js';
import { TokensModule } from '../src/tokens/tokens.module.js';

const ISSUER = 'https://auth.example.com/Base';
const config = resolveOptions({ databaseUrl: 'sqlite::memory:', publicUrl: ISSUER });

@Module({
  imports: [FoundationModule.with([{ provide: CONFIG, useValue: config }]), TokensModule],
})
class Host {}

const adapters = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };

describe.each(Object.entries(adapters))('on %s', (_name, adapter) => {
  let application: INestApplication;
  let address: string;

  beforeAll(async () => {
    application = await NestFactory.create(Host, adapter(), { logger: false });
    await application.listen(0, '127.0.0.1');
    address = await application.getUrl();
  });
  afterAll(() => application.close());

  const get = (path: string, init?: RequestInit) => fetch(`${address}/.well-known/${path}`, init);

  const PATHS = ['jwks.json', 'oauth-authorization-server', 'openid-configuration'];

  it.each(PATHS)('%s may be kept for 300 s and read from any origin', async (path) => {
    const answer = await get(path, { headers: { Origin: 'https://elsewhere.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('etag')).toMatch(/^"[\w-]{22}"$/);
  });

  it.each(PATHS)('%s answers 304 to those who have it', async (path) => {
    const etag = (await get(path)).headers.get('etag') ?? '';
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await get(path, { headers: { 'If-None-Match': value } });
      expect([answer.status, await answer.text()]).toEqual([304, '']);
      expect(answer.headers.get('etag')).toBe(etag);
    }
    const other = await get(path, { headers: { 'If-None-Match': '"other"' } });
    expect(other.status).toBe(200);
  });

  it.each(PATHS)('%s answers HEAD', async (path) => {
    const answer = await get(path, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('etag')).toBe((await get(path)).headers.get('etag'));
  });

  it('the issuer is PUBLIC_URL byte for byte, whatever the Host', async () => {
    const server = await (await get('oauth-authorization-server')).json();
    expect(server).toEqual({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: [],
    });
    expect(await (await get('openid-configuration')).json()).toEqual({
      ...(server as object),
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });

  it('a library that knows nothing but the address verifies our tokens', async () => {
    const user = {
      id: 'u1',
      email: 'a@example.com',
      emailVerified: false,
      username: null,
      name: null,
      roles: ['user'],
    };
    const { token } = application
      .get(AccessTokens, { strict: false })
      .mint({ user, session: { id: 's1', createdAt: 0 } });
    const keys = createRemoteJWKSet(new URL(`${address}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: ISSUER });
    expect(payload.sub).toBe('u1');
  });

  it('answers while the database is away, and changes its ETag with the keys', async () => {
    const before = (await get('jwks.json')).headers.get('etag');
    await application.get(SigningKeys, { strict: false }).rotate();
    const database = application.get(Database, { strict: false });
    const away = jest
      .spyOn(database, 'read')
      .mockRejectedValue(new StorageUnavailableError('gone'));
    const after = await get('jwks.json');
    expect(after.status).toBe(200);
    expect(((await after.json()) as { keys: unknown[] }).keys).toHaveLength(2);
    expect(after.headers.get('etag')).not.toBe(before);
    away.mockRestore();
  });
});
