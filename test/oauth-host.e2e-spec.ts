import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuthModule, OAuthModule, ServiceClients, UsersModule } from '../src/index.js';
import { Client } from './support/client.js';
import { freePort } from './support/free-port.js';
import {
  basic,
  expectOAuthError,
  FIRST_PARTY,
  introspect,
  postForm,
  postRaw,
  serviceToken,
} from './support/oauth.js';

const adapters = {
  express: () => new ExpressAdapter(),
  fastify: () => new FastifyAdapter(),
};

/** With the body parsers that Nest brings by itself. */
describe.each(['express', 'fastify'] as const)('OAuthModule in a host on %s', (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-host-'));
  let app: INestApplication;
  let host: Client;
  let orders: { clientId: string; clientSecret: string };
  beforeAll(async () => {
    const port = await freePort();
    const auth = AuthModule.forRoot({
      publicUrl: `http://127.0.0.1:${port}`,
      databaseUrl: `sqlite:${join(folder, 'host.db')}`,
      bcryptCost: 4,
      usersModule: UsersModule,
    });
    @Module({ imports: [auth, OAuthModule.with(auth)] })
    class Host {}
    app = await NestFactory.create(Host, adapters[name](), { logger: false });
    await app.listen(port, '127.0.0.1');
    host = new Client(`http://127.0.0.1:${port}`);
    const clients = app.get(ServiceClients, { strict: false });
    const wanted = { id: 'orders', scopes: ['orders:read'], audience: [] };
    orders = { clientId: 'orders', clientSecret: (await clients.create(wanted)).secret };
  });
  afterAll(async () => {
    host.hangUp();
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives, introspects and verifies tokens of services', async () => {
    const { access_token, scope } = await serviceToken(host, orders);
    expect(scope).toBe('orders:read');
    const introspected = await introspect(host, orders, access_token);
    expect(introspected.json()).toMatchObject({ active: true, sub: 'orders' });
    const verified = await host.get('/auth/verify?scope=orders:read', { bearer: access_token });
    expect([verified.status, verified.text]).toEqual([200, '']);
    expect(verified.header('x-auth-subject')).toBe('orders');
    const beyond = await host.get('/auth/verify?scope=b&scope=c', { bearer: access_token });
    expect(beyond.status).toBe(403);
    expect((await host.get('/auth/verify')).status).toBe(401);
  });

  it('renews and revokes for the first party', async () => {
    const { refreshToken } = await host.register();
    const form = { grant_type: 'refresh_token', refresh_token: `${refreshToken}`, ...FIRST_PARTY };
    const answer = await postForm(host, '/oauth/token', form);
    expect([answer.status, answer.header('refresh-outcome')]).toEqual([200, 'rotated']);
    const { access_token: token } = answer.json<{ access_token: string }>();
    const revoked = await postForm(host, '/oauth/revoke', { token, ...FIRST_PARTY });
    expect([revoked.status, revoked.text]).toEqual([200, '']);
    const verified = await host.get('/auth/verify', { bearer: token });
    expect(verified.status).toBe(401);
  });

  it('refuses what is no form, and parameters that are there twice', async () => {
    const json = { json: { grant_type: 'client_credentials' }, headers: basic(orders) };
    expectOAuthError(await host.send('POST', '/oauth/token', json), 415, 'invalid_request');
    for (const body of ['token=x&token=y', 'token[a]=x', 'token=%00']) {
      const answer = await postRaw(host, '/oauth/introspect', body, basic(orders));
      expectOAuthError(answer, 400, 'invalid_request');
    }
    const wrong = await postForm(host, '/oauth/introspect', { token: 'x' });
    expectOAuthError(wrong, 401, 'invalid_client');
  });

  it('lists its endpoints in the metadata', async () => {
    const answer = await host.get('/.well-known/oauth-authorization-server');
    expect(answer.json()).toMatchObject({ token_endpoint: `${host.url}/oauth/token` });
  });
});
