import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { OrdersModule } from '../examples/resource-server/orders.module.js';
import { StockModule } from '../examples/resource-server/stock.module.js';
import { latchkeyJson } from './support/cli.js';
import { Client, PASSWORD, type Renewed, renewed, tokens } from './support/client.js';
import { RunningClock } from '../src/testing/movable-clock.js';
import { until } from './support/issuer.js';
import { type Credentials, serviceToken } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

describeOnEachDatabase('examples/resource-server, with the service', (suite) => {
  let service: TestService;
  let credentials: Credentials;
  let stock: INestApplication;
  let orders: INestApplication;
  let toStock: Client;
  let toOrders: Client;

  beforeAll(async () => {
    const audience = { ACCESS_TOKEN_AUDIENCE: 'http://localhost:3000,orders' };
    service = await suite.open(audience, new RunningClock());
    credentials = await latchkeyJson<Credentials>(service.database.environment, [
      ...['clients', 'create', '--id', 'orders', '--scope', 'stock:read', '--audience', 'stock'],
    ]);
    const options = { logger: false as const };
    const issuer = service.url;
    stock = await NestFactory.create(StockModule.with({ issuer }), new FastifyAdapter(), options);
    await stock.listen(0, '127.0.0.1');
    const module = OrdersModule.with({
      issuer,
      stockUrl: await stock.getUrl(),
      client: { id: credentials.clientId, secret: credentials.clientSecret },
    });
    orders = await NestFactory.create(module, new ExpressAdapter(), options);
    await orders.listen(0, '127.0.0.1');
    toStock = new Client(await stock.getUrl());
    toOrders = new Client(await orders.getUrl());
  });
  afterAll(async () => {
    toStock.hangUp();
    toOrders.hangUp();
    await orders.close();
    await stock.close();
  });

  async function signedIn(): Promise<Renewed> {
    const { user } = await service.register();
    return renewed(tokens(await service.login({ email: user.email, password: PASSWORD })));
  }

  it('orders serves who has signed in, and asks stock in its own name', async () => {
    const { accessToken, user } = await signedIn();
    const answer = await toOrders.get('/orders/shoe', { bearer: accessToken });
    expect(answer.json()).toEqual({ owner: user.id, sku: 'shoe', inStock: 4 });
  });

  it('stock serves services with the scope, and no users', async () => {
    const { access_token } = await serviceToken(service, credentials);
    const { accessToken } = await signedIn();
    expect((await toStock.get('/stock/hat', { bearer: access_token })).status).toBe(200);
    expect((await toStock.get('/stock/hat', { bearer: accessToken })).status).toBe(401);
    expect((await toOrders.get('/orders/hat', { bearer: access_token })).status).toBe(401);
  });

  it('both are closed to those without a token', async () => {
    expect((await toOrders.get('/orders/shoe')).status).toBe(401);
    expect((await toStock.get('/stock/shoe')).status).toBe(401);
  });

  it('a sign-out is refused at once where the issuer is asked, and elsewhere after the next poll', async () => {
    const { accessToken, refreshToken } = await signedIn();
    const read = async () => (await toOrders.get('/orders/hat', { bearer: accessToken })).status;
    const cancel = async () =>
      (await toOrders.delete('/orders/hat', { bearer: accessToken })).status;
    expect([await read(), await cancel()]).toEqual([200, 204]);
    expect((await service.post('/auth/logout', { refreshToken })).status).toBe(204);
    expect(await cancel()).toBe(401);
    await until(async () => (await read()) === 401, 6);
    expect(await cancel()).toBe(401);
  });
});
