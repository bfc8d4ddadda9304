import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { OrdersModule } from './orders.module.js';
import { StockModule } from './stock.module.js';

const issuer = 'http://localhost:3000';
const secret = process.argv[2];
if (secret === undefined) throw new Error('Give the secret of the client `orders`.');

const stock = await NestFactory.create(StockModule.with({ issuer }));
const orders = await NestFactory.create(
  OrdersModule.with({
    issuer,
    stockUrl: 'http://localhost:3002',
    client: { id: 'orders', secret },
  }),
);
for (const application of [stock, orders]) application.enableShutdownHooks();
await stock.listen(3002);
await orders.listen(3001);
