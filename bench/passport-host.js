/*
 * The same service without the kit: passport-jwt with jwks-rsa behind Nest's AuthGuard, as their
 * documentation has it.
 *
 * Environment: PORT, PUBLIC_URL (the issuer), ISSUER_ADDRESS.
 */
import 'reflect-metadata';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import jwksRsa from 'jwks-rsa';
import { ExtractJwt, Strategy } from 'passport-jwt';

const { PORT, PUBLIC_URL, ISSUER_ADDRESS } = process.env;

class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: jwksRsa.passportJwtSecret({
        jwksUri: `${ISSUER_ADDRESS}/.well-known/jwks.json`,
        cache: true,
        rateLimit: true,
      }),
      issuer: PUBLIC_URL ?? '',
      audience: PUBLIC_URL ?? '',
      algorithms: ['ES256'],
    });
  }

  /** @param {object} payload */
  validate(payload) {
    return payload;
  }
}

class PagesController {
  open() {
    return { message: 'the same answer on all routes', items: [1, 2, 3] };
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
decorate('guarded', [Get('guarded'), UseGuards(AuthGuard('jwt'))]);
Controller()(PagesController);

class HostModule {}
Module({ controllers: [PagesController], providers: [JwtStrategy] })(HostModule);

const app = await NestFactory.create(HostModule, new FastifyAdapter(), {
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
