/*
 * Another service, with the kit: ResourceServerModule on Nest and Fastify, and routes with the same answer.
 * Decorators are called by hand, so that it needs no build. `/cost` tells what its polls have cost.
 *
 * Environment: PORT, PUBLIC_URL (the issuer), ISSUER_ADDRESS, CLIENT_ID, CLIENT_SECRET, POLL_INTERVAL.
 */
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Fresh, Public, ResourceServerModule } from '../dist/resource-server/index.js';

const polls = { ok: 0, unchanged: 0, failed: 0 };
const { PORT, PUBLIC_URL, ISSUER_ADDRESS, CLIENT_ID, CLIENT_SECRET, POLL_INTERVAL } = process.env;

class PagesController {
  open() {
    return { message: 'the same answer on all routes', items: [1, 2, 3] };
  }

  guarded() {
    return this.open();
  }

  fresh() {
    return this.open();
  }

  cost() {
    const { user, system } = process.cpuUsage();
    return { polls, cpu: (user + system) / 1000 };
  }
}
/** @param {'open' | 'guarded' | 'fresh' | 'cost'} name @param {MethodDecorator[]} decorators */
function decorate(name, decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(PagesController.prototype, name);
  for (const each of decorators) each(PagesController.prototype, name, descriptor ?? {});
}
decorate('open', [Get('open'), Public()]);
decorate('guarded', [Get('guarded')]);
decorate('fresh', [Get('fresh'), Fresh()]);
decorate('cost', [Get('cost'), Public()]);
Controller()(PagesController);

class HostModule {}
Module({
  imports: [
    ResourceServerModule.forRoot({
      issuer: PUBLIC_URL ?? '',
      audience: PUBLIC_URL ?? '',
      ...(ISSUER_ADDRESS === undefined ? {} : { address: ISSUER_ADDRESS }),
      client: { id: CLIENT_ID ?? '-', secret: CLIENT_SECRET ?? '-' },
      revocation: { pollInterval: Number(POLL_INTERVAL ?? 5) },
      hooks: {
        requested: ({ document, outcome }) => {
          if (document === 'status_list') polls[outcome] += 1;
        },
      },
    }),
  ],
  controllers: [PagesController],
})(HostModule);

const app = await NestFactory.create(HostModule, new FastifyAdapter(), {
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
