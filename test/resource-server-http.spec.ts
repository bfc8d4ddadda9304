import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  HttpException,
  type INestApplication,
  Injectable,
  Module,
  UseGuards,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import passport from 'passport';
import { startExpressShop } from '../examples/resource-server/express.js';
import { startNodeShop } from '../examples/resource-server/node-http.js';
import {
  type AccessTokenClaims,
  CurrentUser,
  createVerifier,
  Fresh,
  isUser,
  LatchkeyStrategy,
  type NestClasses,
  Public,
  ResourceServerGuard,
  ResourceServerModule,
  Roles,
  Scopes,
  type VerifiedClaims,
  Verifier,
} from '../src/resource-server/index.js';
import { TestIssuer, until } from './support/issuer.js';
import { withBrokenSignature } from './support/jwt.js';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await TestIssuer.start();
});
afterAll(() => issuer.down());

@Controller('orders')
class OrdersController {
  @Get()
  mine(@CurrentUser() user: AccessTokenClaims) {
    return { owner: user.sub };
  }

  @Public()
  @Get('open')
  open(@CurrentUser() user: VerifiedClaims | undefined) {
    return { known: user !== undefined };
  }

  @Roles('admin')
  @Get('all')
  all() {
    return {};
  }

  @Scopes('orders:read', 'orders:write')
  @Get('written')
  written() {
    return {};
  }

  @Fresh()
  @UseGuards(ResourceServerGuard)
  @Get('fresh')
  fresh() {
    return {};
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

  @Fresh()
  @Get('fresh')
  fresh() {
    return {};
  }

  @Fresh(false)
  @Get('stale')
  stale() {
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

const options = () => ({
  issuer: issuer.url,
  audience: 'orders',
  client: { id: 'orders', secret: 'secret' },
  revocation: { pollInterval: 0.1 },
});

@Module({ controllers: [OrdersController, WindowController, LedgeController, GateController] })
class OrdersModule {}

async function start(module: unknown, kind: 'express' | 'fastify'): Promise<INestApplication> {
  const application =
    kind === 'express'
      ? await NestFactory.create(module as never, new ExpressAdapter(), { logger: false })
      : await NestFactory.create(module as never, new FastifyAdapter(), { logger: false });
  await application.listen(0, '127.0.0.1');
  return application;
}

function orders(kind: 'express' | 'fastify') {
  const kit = ResourceServerModule.forRootAsync({ useFactory: options });
  return start({ module: OrdersModule, imports: [kit] }, kind);
}

/** Asks for a path, with a token or a whole `Authorization` header. */
async function ask(url: string, token?: string) {
  const authorization = token?.includes(' ') === false ? `Bearer ${token}` : token;
  const answer = await fetch(
    url,
    authorization === undefined ? {} : { headers: { authorization } },
  );
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text };
}

const CHALLENGE = 'Bearer realm="latchkey"';
const challenge = ({ headers }: { headers: Headers }) => headers.get('www-authenticate');

describe.each(['express', 'fastify'] as const)('a Nest application on %s', (kind) => {
  let application: INestApplication;
  let url: string;
  beforeAll(async () => {
    application = await orders(kind);
    url = `${await application.getUrl()}/orders`;
  });
  afterAll(() => application.close());

  it('lets a user pass and knows who it is', async () => {
    const answer = await ask(url, issuer.userToken());
    expect([answer.status, answer.text]).toEqual([200, '{"owner":"u1"}']);
  });

  it('is closed by default', async () => {
    const answer = await ask(url);
    expect([answer.status, challenge(answer)]).toEqual([401, CHALLENGE]);
    expect(JSON.parse(answer.text)).toMatchObject({ statusCode: 401, code: 'token_missing' });
  });

  it.each(['Basic dXNlcjpwYXNz', 'Bearer', 'bearer'])('takes %s for no token', async (header) => {
    const answer = await ask(url, header.includes(' ') ? header : `${header} `);
    expect([answer.status, challenge(answer)]).toEqual([401, CHALLENGE]);
  });

  it('takes the scheme in any case', async () => {
    expect((await ask(url, `bEARER ${issuer.userToken()}`)).status).toBe(200);
  });

  it('does not look for tokens in the query', async () => {
    expect((await ask(`${url}?access_token=${issuer.userToken()}`)).status).toBe(401);
  });

  it('opens what is public, and looks at no token there', async () => {
    for (const token of [undefined, 'rubbish', issuer.userToken()]) {
      const answer = await ask(`${url}/open`, token);
      expect([answer.status, answer.text]).toEqual([200, '{"known":false}']);
    }
  });

  it.each([
    ['window', 200],
    ['window/roles', 401],
    ['window/scopes', 401],
    ['window/fresh', 401],
    ['window/stale', 200],
    ['ledge', 200],
    ['ledge/roles', 401],
    ['gate/own', 401],
    ['gate/bell', 200],
    ['gate', 401],
  ])(
    'lets what a method asks for count before the @Public() of its class: GET /%s is %i',
    async (path, status) => {
      const answer = await ask(`${await application.getUrl()}/${path}`);
      expect(answer.status).toBe(status);
    },
  );

  it('refuses @Public() beside what asks for a token where it is declared, but not beside @Fresh(false)', () => {
    expect(() => {
      class Contradiction {
        @Fresh()
        @Public()
        read() {}
      }
      return Contradiction;
    }).toThrow('Contradiction.read is @Public() and asks for a token as well');
    expect(() => {
      @Fresh(false)
      @Public()
      class Open {}
      return Open;
    }).not.toThrow();
  });

  it('answers a bad token with invalid_token', async () => {
    for (const token of ['rubbish', withBrokenSignature(issuer.userToken())]) {
      const answer = await ask(url, token);
      expect([answer.status, challenge(answer)]).toEqual([
        401,
        `${CHALLENGE}, error="invalid_token"`,
      ]);
    }
  });

  it('answers a missing role or scope with insufficient_scope', async () => {
    const role = await ask(`${url}/all`, issuer.userToken());
    expect([role.status, challenge(role)]).toEqual([
      403,
      `${CHALLENGE}, error="insufficient_scope"`,
    ]);
    const scope = await ask(`${url}/written`, issuer.userToken());
    expect([scope.status, challenge(scope)]).toEqual([
      403,
      `${CHALLENGE}, error="insufficient_scope", scope="orders:read orders:write"`,
    ]);
    expect((await ask(`${url}/all`, issuer.userToken({ roles: ['admin'] }))).status).toBe(200);
    const both = issuer.userToken({ scope: 'orders:write orders:read' });
    expect((await ask(`${url}/written`, both)).status).toBe(200);
  });

  it('asks the issuer once for each fresh call, also where the guard stands twice', async () => {
    const token = issuer.userToken();
    const before = issuer.posted.length;
    expect((await ask(`${url}/fresh`, token)).status).toBe(200);
    expect((await ask(`${url}/fresh`, token)).status).toBe(200);
    expect(issuer.posted.length - before).toBe(2);
    issuer.active = false;
    const answer = await ask(`${url}/fresh`, token);
    issuer.active = true;
    expect([answer.status, challenge(answer)]).toEqual([
      401,
      `${CHALLENGE}, error="invalid_token"`,
    ]);
  });

  it('refuses after a sign-out', async () => {
    const idx = kind === 'express' ? 7 : 8;
    const token = issuer.userToken({ idx });
    expect((await ask(url, token)).status).toBe(200);
    issuer.ended.add(idx);
    await until(async () => (await ask(url, token)).status === 401);
  });

  it('answers 503 with Retry-After when nobody can know', async () => {
    issuer.instead.set('/oauth/introspect', () => ({ status: 500 }));
    const answer = await ask(`${url}/fresh`, issuer.userToken());
    issuer.instead.clear();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'issuer_unavailable' });
  });
});

describe('the module', () => {
  it('guards only what asks for it, where that is wanted', async () => {
    @Controller()
    class MixedController {
      @Get('open')
      open() {
        return {};
      }

      @UseGuards(ResourceServerGuard)
      @Get('closed')
      closed() {
        return {};
      }
    }
    @Module({
      imports: [ResourceServerModule.forRoot({ ...options(), guardEveryRoute: false })],
      controllers: [MixedController],
    })
    class MixedModule {}
    const application = await start(MixedModule, 'fastify');
    const url = await application.getUrl();
    expect((await ask(`${url}/open`)).status).toBe(200);
    expect((await ask(`${url}/closed`)).status).toBe(401);
    expect((await ask(`${url}/closed`, issuer.userToken())).status).toBe(200);
    await application.close();
  });

  it('takes the application’s Nest as it is given, and does not start with another', async () => {
    class Other {}
    const kit = (classes: NestClasses) =>
      ResourceServerModule.forRoot({ ...options(), nest: classes });
    const module = (classes: NestClasses) => ({ module: OrdersModule, imports: [kit(classes)] });
    const application = await start(module({ HttpException, ModulesContainer }), 'fastify');
    expect((await ask(`${await application.getUrl()}/orders`)).status).toBe(401);
    await application.close();
    const wrong = module({ HttpException, ModulesContainer: Other as typeof ModulesContainer });
    const refused = NestFactory.create(wrong, { logger: false, abortOnError: false });
    await expect(refused).rejects.toThrow('can not find the Nest of this application');
  });

  it('closes the verifier with the application', async () => {
    const application = await orders('fastify');
    await application.get(Verifier).verify(issuer.userToken());
    await application.close();
    // What was under way at that moment may still arrive.
    await new Promise((wait) => setTimeout(wait, 300));
    const asked = [...issuer.asked.values()];
    await new Promise((wait) => setTimeout(wait, 300));
    expect([...issuer.asked.values()]).toEqual(asked);
  });

  it('starts while the issuer is away', async () => {
    await issuer.down();
    const application = await orders('express');
    const url = `${await application.getUrl()}/orders`;
    expect((await ask(url, issuer.userToken())).status).toBe(503);
    await issuer.up();
    await until(async () => (await ask(url, issuer.userToken())).status === 200);
    await application.close();
  });
});

describe('without Nest, the examples on', () => {
  it.each([
    ['Express', startExpressShop],
    ['node:http', startNodeShop],
  ])('%s answer as RFC 6750 says', async (_name, shop) => {
    const server = shop({ issuer: issuer.url, audience: 'orders' }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
    const good = await ask(url, issuer.userToken());
    expect([good.status, JSON.parse(good.text)]).toEqual([200, { owner: 'u1' }]);
    const none = await ask(url);
    expect([none.status, challenge(none)]).toEqual([401, CHALLENGE]);
    const bad = await ask(url, 'rubbish');
    expect([bad.status, challenge(bad)]).toEqual([401, `${CHALLENGE}, error="invalid_token"`]);
    server.close();
  });
});

describe('with Passport', () => {
  it('a strategy answers as RFC 6750 says', async () => {
    const verifier = createVerifier({ issuer: issuer.url, audience: 'orders' });
    const own = new passport.Passport();
    own.use(new LatchkeyStrategy({ verifier, scopes: ['orders:read'] }));
    const authenticate = own.authenticate('latchkey', { session: false }) as (
      ...of: unknown[]
    ) => void;
    const server = createServer((request, response) => {
      authenticate(request, response, () => {
        response.end((request as { user?: { sub: string } }).user?.sub);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await ask(url, issuer.userToken())).toMatchObject({ status: 200, text: 'u1' });
    const none = await ask(url);
    expect([none.status, challenge(none)]).toEqual([401, CHALLENGE]);
    const bad = await ask(url, 'rubbish');
    expect([bad.status, challenge(bad)]).toEqual([401, `${CHALLENGE}, error="invalid_token"`]);
    expect((await ask(url, issuer.userToken({ scope: '' }))).status).toBe(403);
    server.close();
    verifier.close();
  });

  it('a strategy of Nest’s makes a user of the claims', async () => {
    const verifier = createVerifier({ issuer: issuer.url, audience: 'orders' });
    @Injectable()
    class ShopStrategy extends PassportStrategy(LatchkeyStrategy, 'shop') {
      constructor() {
        super({ verifier });
      }

      validate(claims: VerifiedClaims) {
        return isUser(claims) ? { id: claims.sub } : false;
      }
    }
    @Controller()
    class MeController {
      @UseGuards(AuthGuard('shop'))
      @Get('me')
      me() {
        return {};
      }
    }
    @Module({ imports: [PassportModule], controllers: [MeController], providers: [ShopStrategy] })
    class ShopModule {}
    const application = await start(ShopModule, 'express');
    const url = `${await application.getUrl()}/me`;
    expect((await ask(url, issuer.userToken())).status).toBe(200);
    expect((await ask(url, issuer.serviceToken())).status).toBe(401);
    expect((await ask(url)).status).toBe(401);
    await application.close();
    verifier.close();
  });
});
