import { spawnSync } from 'node:child_process';
import { Controller, Get, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  type AccessTokenClaims,
  createVerifier,
  CurrentUser,
  ResourceServerModule,
  Roles,
  type Verifier,
} from '../src/resource-server/index.js';
import { Client } from './support/client.js';
import { until } from './support/issuer.js';
import { Suite, type TestService } from './support/suite.js';

@Controller('orders')
class OrdersController {
  @Get()
  mine(@CurrentUser() user: AccessTokenClaims) {
    return { owner: user.sub, session: user.sid };
  }

  @Roles('admin')
  @Get('all')
  all() {
    return {};
  }
}

@Module({ controllers: [OrdersController] })
class OrdersModule {}

const suite = new Suite('sqlite');
let service: TestService;
let application: INestApplication;
let orders: Client;
const verifiers: Verifier[] = [];

beforeAll(async () => {
  service = await suite.open();
  application = await NestFactory.create(
    {
      module: OrdersModule,
      imports: [
        ResourceServerModule.forRoot({
          issuer: service.url,
          audience: service.url,
          clock: service.clock,
          revocation: { pollInterval: 0.5 },
        }),
      ],
    },
    new FastifyAdapter(),
    { logger: false },
  );
  await application.listen(0, '127.0.0.1');
  orders = new Client(await application.getUrl());
});
afterAll(async () => {
  for (const verifier of verifiers) verifier.close();
  orders.hangUp();
  await application.close();
  await suite.end();
});

describe('another service, with the service itself', () => {
  it('accepts its users’ tokens and knows user and session', async () => {
    const { accessToken, user, sessionId } = await service.register();
    const answer = await orders.get('/orders', { bearer: accessToken });
    expect(answer.json()).toEqual({ owner: user.id, session: sessionId });
    expect((await orders.get('/orders/all', { bearer: accessToken })).status).toBe(403);
  });

  it('lets an administrator pass', async () => {
    const { accessToken } = await service.registerAdmin();
    expect((await orders.get('/orders/all', { bearer: accessToken })).status).toBe(200);
  });

  it('refuses its refresh tokens', async () => {
    const { refreshToken } = await service.register();
    expect((await orders.get('/orders', { bearer: refreshToken ?? '' })).status).toBe(401);
  });

  it('refuses tokens after their time', async () => {
    const { accessToken } = await service.register();
    const verifier = createVerifier({ issuer: service.url, audience: service.url });
    verifiers.push(verifier);
    await verifier.verify(accessToken);
    service.clock.advance('11m');
    expect((await orders.get('/orders', { bearer: accessToken })).status).toBe(401);
    service.clock.setBack('11m');
  });

  it.each(['ES256', 'RS256', 'PS256', 'ES384'])('verifies what is signed with %s', async (alg) => {
    const other = await suite.openFresh({ ACCESS_TOKEN_ALG: alg, ACCESS_TOKEN_AUDIENCE: 'a,b' });
    const verifier = createVerifier({ issuer: other.url, audience: 'b' });
    verifiers.push(verifier);
    const { accessToken, user } = await other.register();
    expect(await verifier.verify(accessToken)).toMatchObject({ sub: user.id, aud: ['a', 'b'] });
  });

  it('refuses within a poll and a second after a sign-out', async () => {
    const { accessToken, refreshToken } = await service.register();
    expect((await orders.get('/orders', { bearer: accessToken })).status).toBe(200);
    await service.post('/auth/logout', { refreshToken });
    const began = Date.now();
    await until(async () => (await orders.get('/orders', { bearer: accessToken })).status === 401);
    expect(Date.now() - began).toBeLessThan(1_500);
  });
});

describe('the package, built', () => {
  /** Runs a CommonJS script that resolves `latchkey` as its users do. */
  function commonJs(script: string): unknown {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }

  it.each(['latchkey/resource-server', 'latchkey/resource-server/core'])(
    '%s is loaded by require() too, without any native addon',
    (name) => {
      const script = `
        const { createVerifier } = require('${name}');
        const { sharedObjects } = process.report.getReport();
        const addons = sharedObjects.filter((file) => file.endsWith('.node'));
        console.log(JSON.stringify({ kind: typeof createVerifier, addons }));`;
      expect(commonJs(script)).toEqual({ kind: 'function', addons: [] });
    },
  );

  it('latchkey/testing is loaded by require() too, and starts the service', () => {
    const script = `
      const { createTestLatchkey, MovableClock } = require('latchkey/testing');
      void (async () => {
        const latchkey = await createTestLatchkey({ clock: new MovableClock() });
        const { tokens } = await latchkey.signInAs({ name: 'Ada' });
        latchkey.clock.advance('1h');
        console.log(JSON.stringify({ expiresIn: typeof tokens.expiresIn }));
        await latchkey.close();
      })();`;
    expect(commonJs(script)).toEqual({ expiresIn: 'number' });
  });
});
