import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Module,
  Req,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExpressAdapter } from '@nestjs/platform-express';
import { AccessTokenGuard, AuthModule, UsersModule } from 'latchkey';
import { createDatabase, SECRET, type TestDatabase } from './support/databases.js';
import { freePort } from './support/free-port.js';

/** A guard of the host's own, which says somebody else's name. */
class ForeignGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: object; user?: unknown }>();
    if ('x-foreign' in request.headers) {
      request.user = { sub: 'eve', sid: 'none', roles: ['admin'], scope: '' };
    }
    return true;
  }
}

@Controller('escalation')
class EscalationController {
  @UseGuards(AccessTokenGuard)
  @Get()
  escalate(@Req() { user }: { user: { roles: string[] } }): string {
    try {
      user.roles.push('admin');
      return 'pushed';
    } catch {
      return user.roles.join();
    }
  }
}

/** @see contract §4; a host's guards and handlers are not trusted with Latchkey's own routes */
describe('In a host that guards by itself', () => {
  let place: TestDatabase;
  let url: string;
  let close: () => Promise<void>;
  beforeAll(async () => {
    place = await createDatabase('sqlite');
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    @Module({
      imports: [
        AuthModule.forRoot({
          usersModule: UsersModule,
          publicUrl: url,
          databaseUrl: `${place.environment['DATABASE_URL']}`,
          secret: [SECRET],
          bcryptCost: 4,
        }),
        UsersModule,
      ],
      controllers: [EscalationController],
    })
    class Host {}
    const app = await NestFactory.create(Host, new ExpressAdapter(), { logger: false });
    app.useGlobalGuards(new ForeignGuard());
    await app.listen(port, '127.0.0.1');
    close = () => app.close();
  });
  afterAll(async () => {
    await close();
    await place.drop();
  });

  it.each(['/users', '/users/me', '/users/some-id'])(
    'another guard’s request.user does not open %s',
    async (path) => {
      const answer = await fetch(url + path, { headers: { 'x-foreign': 'yes' } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ code: 'token_missing' });
    },
  );

  it('what a handler does to its claims does not outlive the request', async () => {
    const body = { email: 'ada@example.com', password: 'a sentence nobody guesses' };
    const signedUp = await fetch(`${url}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { accessToken } = (await signedUp.json()) as { accessToken: string };
    const headers = { authorization: `Bearer ${accessToken}` };
    for (let time = 0; time < 3; time += 1) {
      expect(await (await fetch(`${url}/escalation`, { headers })).text()).toBe('user');
    }
  });
});
