import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { OrdersModule } from '../examples/resource-server/orders.module.js';
import { StockModule } from '../examples/resource-server/stock.module.js';
import { Client } from './support/client.js';
import { TestIssuer } from './support/issuer.js';

let issuer: TestIssuer;
let stock: INestApplication;
let orders: INestApplication;
let client: Client;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  issuer.instead.set('/oauth/token', () => ({
    body: JSON.stringify({
      access_token: issuer.serviceToken({
        sub: 'orders',
        client_id: 'orders',
        aud: 'stock',
        scope: 'stock:read',
      }),
      token_type: 'Bearer',
      expires_in: 600,
    }),
  }));
  const options = { logger: false as const };
  stock = await NestFactory.create(
    StockModule.with({ issuer: issuer.url }),
    new FastifyAdapter(),
    options,
  );
  await stock.listen(0, '127.0.0.1');
  const module = OrdersModule.with({
    issuer: issuer.url,
    stockUrl: await stock.getUrl(),
    client: { id: 'orders', secret: 'a secret' },
  });
  orders = await NestFactory.create(module, new ExpressAdapter(), options);
  await orders.listen(0, '127.0.0.1');
  client = new Client(await orders.getUrl());
});
afterAll(async () => {
  client.hangUp();
  await orders.close();
  await stock.close();
  await issuer.down();
});

it('orders fetches one token of its own for many calls, as its client', async () => {
  const call = () => client.get('/orders/shoe', { bearer: issuer.userToken() });
  for (const answer of await Promise.all(Array.from({ length: 10 }, call))) {
    expect(answer.json()).toEqual({ owner: 'u1', sku: 'shoe', inStock: 4 });
  }
  await call();
  expect(issuer.count('/oauth/token')).toBe(1);
  // The kit has asked, too, whether the issuer knows the client.
  const grants = issuer.posted.filter(({ body }) => body.startsWith('grant_type='));
  expect(grants[0]).toEqual({
    body: 'grant_type=client_credentials',
    authorization: `Basic ${btoa('orders:a secret')}`,
  });
});

it('a user’s token that is meant for stock too does not open it: it has no scope there', async () => {
  const authorization = `Bearer ${issuer.userToken({ aud: ['orders', 'stock'] })}`;
  const answer = await fetch(`${await stock.getUrl()}/stock/shoe`, { headers: { authorization } });
  expect(answer.status).toBe(403);
});
