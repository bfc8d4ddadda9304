/*
 * The smallest host application: AuthModule on Nest and Fastify, and two routes with the same answer, one
 * of them guarded. Decorators are called by hand, so that it needs no build.
 *
 * Environment: PORT, DATABASE_URL, BCRYPT_COST.
 */
import 'reflect-metadata';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AccessTokenGuard, AuthModule, UsersModule } from '../dist/index.js';

class PagesController {
  open() {
    return { message: 'the same answer on both routes', items: [1, 2, 3] };
  }

  guarded() {
    return this.open();
  }
}
/** @param {'open' | 'guarded'} name @param {MethodDecorator[]} decorators */
function decorate(name, decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(PagesController.prototype, name);
  for (const each of decorators) each(PagesController.prototype, name, descriptor ?? {});
}
decorate('open', [Get('open')]);
decorate('guarded', [Get('guarded'), UseGuards(AccessTokenGuard)]);
Controller()(PagesController);

class HostModule {}
Module({
  imports: [
    AuthModule.forRoot({
      usersModule: UsersModule,
      publicUrl: 'http://latchkey.bench',
      databaseUrl: process.env['DATABASE_URL'] ?? 'sqlite::memory:',
      bcryptCost: Number(process.env['BCRYPT_COST'] ?? 4),
      rateLimit: 'off',
    }),
  ],
  controllers: [PagesController],
})(HostModule);

const app = await NestFactory.create(HostModule, new FastifyAdapter(), {
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen(Number(process.env['PORT']), '127.0.0.1');
