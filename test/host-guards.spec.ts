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
import {
  AccessTokenGuard,
  AuthModule,
  Public,
  Roles,
  Scopes,
  ServiceTokens,
  UsersModule,
} from 'latchkey';
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

@Public()
@Controller('window')
class WindowController {
  @Get()
  look() {
    return {};
  }

  @Roles('admin')
  @Get('roles')
  roles() {
    return {};
  }

  @Scopes('orders:read')
  @Get('scopes')
  scopes() {
    return {};
  }

  @ServiceTokens()
  @Get('services')
  services() {
    return {};
  }
}

/** Opens nothing of its own: what it extends does. */
@Controller('ledge')
class LedgeController extends WindowController {}

@Roles('admin')
@Controller('gate')
class GateController extends WindowController {
  @Get('own')
  own() {
    return {};
  }

  @Public()
  @Get('bell')
  bell() {
    return {};
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
          guardEveryRoute: true,
        }),
        UsersModule,
      ],
      controllers: [EscalationController, WindowController, LedgeController, GateController],
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

  it.each([
    ['/window', 200],
    ['/window/roles', 401],
    ['/window/scopes', 401],
    ['/window/services', 401],
    ['/ledge', 200],
    ['/ledge/roles', 401],
    ['/gate/own', 401],
    ['/gate/bell', 200],
    ['/gate', 401],
  ])(
    'what a method asks for counts before the @Public() of its class: GET %s without a token is %i',
    async (path, status) => {
      expect((await fetch(url + path)).status).toBe(status);
    },
  );

  it('one that is public and asks for a token at once is refused where it is declared', () => {
    expect(() => {
      class Contradiction {
        @Public()
        @Roles('admin')
        read() {}
      }
      return Contradiction;
    }).toThrow('Contradiction.read is @Public() and asks for a token as well');
    expect(() => {
      @Scopes('orders:read')
      @Public()
      class Contradiction {}
      return Contradiction;
    }).toThrow('Contradiction is @Public()');
  });

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
