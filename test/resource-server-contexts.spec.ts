import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Get,
  type INestApplication,
  type INestMicroservice,
  Module,
  Post,
  UseGuards,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import {
  AbstractGraphQLDriver,
  Args,
  type GqlModuleOptions,
  GraphQLModule,
  Query,
  Resolver,
} from '@nestjs/graphql';
import {
  type ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { graphql, type GraphQLSchema } from 'graphql';
import { lastValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { assertGatewaysGuarded } from '../src/resource-server/gateway-check.js';
import { tokenOf } from '../src/resource-server/carried-token.js';
import { HostNest, reachableCopies } from '../src/resource-server/host-nest.js';
import {
  type AccessTokenClaims,
  attachToken,
  createVerifier,
  CurrentUser,
  Fresh,
  Public,
  ResourceServerGuard,
  ResourceServerModule,
  Roles,
} from '../src/resource-server/index.js';
import { freePort } from './support/free-port.js';
import { TestIssuer, until } from './support/issuer.js';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await TestIssuer.start();
});
afterAll(() => issuer.down());

const kit = () =>
  ResourceServerModule.forRootAsync({
    useFactory: () => ({
      issuer: issuer.url,
      audience: 'orders',
      client: { id: 'orders', secret: 'secret' },
      revocation: { pollInterval: 0.1 },
    }),
  });

@Controller()
class StockController {
  @MessagePattern('count')
  count(@Payload() data: object, @CurrentUser() user: AccessTokenClaims) {
    return { for: user.sub, data };
  }

  @Roles('admin')
  @MessagePattern('change')
  change() {
    return {};
  }

  @Fresh()
  @UseGuards(ResourceServerGuard)
  @MessagePattern('destroy')
  destroy() {
    return 'gone';
  }

  @Public()
  @MessagePattern('ping')
  ping() {
    return 'pong';
  }
}

@Module({ controllers: [StockController] })
class StockModule {}

/** What a call over a transport ends in: its result or its error. */
async function call(client: ClientProxy, pattern: string, data: unknown): Promise<unknown> {
  return lastValueFrom(client.send<unknown>(pattern, data)).catch((error: unknown) => error);
}

describe.each(['alone', 'beside HTTP'])('a TCP microservice %s', (kind) => {
  let application: INestMicroservice | INestApplication;
  let client: ClientProxy;

  beforeAll(async () => {
    const options = {
      transport: Transport.TCP as const,
      options: { host: '127.0.0.1', port: await freePort() },
    };
    const module = { module: StockModule, imports: [kit()] };
    if (kind === 'alone') {
      const service = await NestFactory.createMicroservice(module, { ...options, logger: false });
      await service.listen();
      application = service;
    } else {
      const host = await NestFactory.create(module, new FastifyAdapter(), { logger: false });
      host.connectMicroservice(options, { inheritAppConfig: true });
      await host.startAllMicroservices();
      await host.init();
      application = host;
    }
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: options.options });
  });
  afterAll(async () => {
    await client.close();
    await application.close();
  });

  const authorization = (token = issuer.userToken()) => `Bearer ${token}`;

  it('finds the token in the payload, which the handler does not see', async () => {
    const data = { sku: 'a-1', authorization: authorization() };
    expect(await call(client, 'count', data)).toEqual({ for: 'u1', data: { sku: 'a-1' } });
  });

  it('is closed by default, also for payloads that can carry none', async () => {
    const refused = { status: 'error', statusCode: 401, code: 'token_missing' };
    for (const data of [{}, 'text', 7, [], { authorization: 7 }, { authorization: 'Basic YTpi' }]) {
      expect(await call(client, 'count', data)).toMatchObject(refused);
    }
    expect(await call(client, 'count', { authorization: 'Bearer rubbish' })).toMatchObject({
      code: 'token_invalid',
    });
    expect(await call(client, 'ping', {})).toBe('pong');
  });

  it('asks for roles', async () => {
    const data = () => ({ authorization: authorization() });
    expect(await call(client, 'change', data())).toMatchObject({
      statusCode: 403,
      code: 'forbidden',
    });
    const admin = authorization(issuer.userToken({ roles: ['admin'] }));
    expect(await call(client, 'change', { authorization: admin })).toEqual({});
  });

  it('takes a service’s token', async () => {
    const data = { authorization: authorization(issuer.serviceToken()) };
    expect(await call(client, 'count', data)).toEqual({ for: 'stock', data: {} });
  });

  it('asks the issuer once where the guard stands twice', async () => {
    const before = issuer.posted.length;
    expect(await call(client, 'destroy', { authorization: authorization() })).toBe('gone');
    expect(issuer.posted.length - before).toBe(1);
  });

  it('keeps calls of the same connection apart', async () => {
    const users = Array.from({ length: 20 }, (_, at) => `u${at}`);
    const answers = users.map((sub) =>
      call(client, 'count', { authorization: authorization(issuer.userToken({ sub })) }),
    );
    expect(await Promise.all(answers)).toEqual(users.map((sub) => ({ for: sub, data: {} })));
  });
});

@WebSocketGateway()
class NewsGateway {
  handleConnection(client: WebSocket, request: IncomingMessage) {
    attachToken(client, request);
  }

  @SubscribeMessage('whoami')
  whoami(@CurrentUser() user: AccessTokenClaims) {
    return { event: 'whoami', data: user.sub };
  }

  @Public()
  @SubscribeMessage('renew')
  renew(@MessageBody() token: string) {
    return { event: 'renew', data: token };
  }
}

describe('a WebSocket gateway', () => {
  let application: INestApplication;
  let url: string;

  beforeAll(async () => {
    class NewsModule {}
    const module = { module: NewsModule, imports: [kit()], providers: [NewsGateway] };
    application = await NestFactory.create(module, new FastifyAdapter(), { logger: false });
    application.useWebSocketAdapter(new WsAdapter(application));
    await application.listen(0, '127.0.0.1');
    url = (await application.getUrl()).replace('http', 'ws');
  });
  afterAll(() => application.close());

  async function open(options: { token?: string; protocols?: string[] } = {}): Promise<WebSocket> {
    const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
    const socket = new WebSocket(url, options.protocols ?? [], { headers });
    await once(socket, 'open');
    return socket;
  }

  async function say(socket: WebSocket, event: string, data?: unknown): Promise<unknown> {
    const answer = once(socket, 'message');
    socket.send(JSON.stringify({ event, data }));
    return JSON.parse(String((await answer)[0])) as unknown;
  }

  const refused = (code: string) => ({ event: 'exception', data: { status: 'error', code } });

  it('knows the user of a connection by its headers', async () => {
    const socket = await open({ token: issuer.userToken() });
    expect(await say(socket, 'whoami')).toEqual({ event: 'whoami', data: 'u1' });
    socket.close();
  });

  it('or, for browsers, by a subprotocol, which is not the one that is agreed on', async () => {
    const socket = await open({ protocols: ['latchkey', `bearer.${issuer.userToken()}`] });
    expect(socket.protocol).toBe('latchkey');
    expect(await say(socket, 'whoami')).toEqual({ event: 'whoami', data: 'u1' });
    socket.close();
  });

  it('is closed by default; what is public is open', async () => {
    const socket = await open();
    expect(await say(socket, 'whoami')).toMatchObject(refused('token_missing'));
    expect(await say(socket, 'renew', 'x')).toEqual({ event: 'renew', data: 'x' });
    socket.close();
  });

  it('judges every message: after a sign-out the open connection is of no use', async () => {
    const socket = await open({ token: issuer.userToken({ idx: 5 }) });
    expect(await say(socket, 'whoami')).toMatchObject({ data: 'u1' });
    issuer.ended.add(5);
    await until(async () => {
      const answer = (await say(socket, 'whoami')) as { event: string };
      return answer.event === 'exception';
    });
    expect(await say(socket, 'whoami')).toMatchObject(refused('token_invalid'));
    socket.close();
  });
});

describe('a fresh check', () => {
  @Controller('refunds')
  class RefundsController {
    @Get()
    list() {
      return [];
    }

    @Fresh()
    @Post()
    make() {
      return {};
    }
  }

  it('without the option client stops the start, by name', async () => {
    const options = { issuer: issuer.url, audience: 'orders' };
    const module = {
      module: class Shop {},
      imports: [ResourceServerModule.forRoot(options)],
      controllers: [RefundsController],
    };
    const start = NestFactory.create(module, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    await expect(start.then((app) => app.init())).rejects.toThrow(
      '@Fresh() on RefundsController.make needs the option `client`',
    );
  });
});

describe('before Nest 12, a gateway', () => {
  const check = (...gateways: object[]) => {
    const providers = new Map(gateways.map((metatype) => [metatype, { metatype }]));
    return () =>
      assertGatewaysGuarded(new Map([['shop', { providers }]]) as unknown as ModulesContainer);
  };

  it('that is open by oversight stops the start', () => {
    expect(check(NewsGateway)).toThrow('NewsGateway.whoami');
    expect(check(NewsGateway)).not.toThrow('NewsGateway.renew');
  });

  it('that is guarded or public does not', () => {
    @UseGuards(ResourceServerGuard)
    @WebSocketGateway()
    class Guarded extends NewsGateway {}
    @Public()
    @WebSocketGateway()
    class Open extends NewsGateway {}
    expect(check(Guarded, Open, StockController)).not.toThrow();
  });
});

@Resolver()
class HelloResolver {
  @Query(() => String)
  whoami(@CurrentUser() user: AccessTokenClaims): string {
    return user.sub;
  }

  @Roles('admin')
  @Query(() => String)
  secret(): string {
    return 'secret';
  }

  @Public()
  @Query(() => String)
  echo(@Args('text') text: string): string {
    return text;
  }
}

/** Nest's resolvers with their guards, without a server in front. */
class SchemaDriver extends AbstractGraphQLDriver {
  static schema: GraphQLSchema | undefined;

  async start(options: GqlModuleOptions): Promise<void> {
    SchemaDriver.schema = options.schema;
  }

  async stop(): Promise<void> {}
}

describe('a GraphQL schema', () => {
  let application: INestApplication;

  beforeAll(async () => {
    class GraphModule {}
    const imports = [kit(), GraphQLModule.forRoot({ driver: SchemaDriver, autoSchemaFile: true })];
    const module = { module: GraphModule, imports, providers: [HelloResolver] };
    application = await NestFactory.create(module, new FastifyAdapter(), { logger: false });
    await application.init();
  });
  afterAll(() => application.close());

  async function query(source: string, token?: string) {
    const { schema } = SchemaDriver;
    if (schema === undefined) throw new Error('no schema');
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const req: { headers: object; user?: unknown } = { headers };
    const { data, errors } = await graphql({ schema, source, contextValue: { req } });
    return { data: { ...data }, errors, user: req.user };
  }

  it('knows the user', async () => {
    const answer = await query('{ whoami }', issuer.userToken());
    expect(answer).toMatchObject({ data: { whoami: 'u1' }, user: { sub: 'u1' } });
  });

  it('is closed by default; what is public is open', async () => {
    expect((await query('{ whoami }')).errors?.[0]?.originalError).toMatchObject({
      message: 'An access token is required.',
      code: 'token_missing',
      statusCode: 401,
    });
    expect((await query('{ echo(text: "hi") }')).data).toEqual({ echo: 'hi' });
  });

  it('judges each field by itself', async () => {
    const { errors } = await query('{ whoami secret }', issuer.userToken());
    expect(errors?.map(({ message }) => message)).toEqual(['This is not allowed.']);
    const admin = issuer.userToken({ roles: ['admin'] });
    expect((await query('{ whoami secret }', admin)).errors).toBeUndefined();
  });
});

it('a transport that uses one context for many messages passes no token on', async () => {
  const verifier = createVerifier({ issuer: issuer.url, audience: 'orders' });
  const nest = HostNest.among(reachableCopies(), [new ModulesContainer()]);
  const guard = new ResourceServerGuard(verifier, nest);
  const shared = {};
  const message = (data: object) =>
    guard.canActivate({
      getType: () => 'rpc',
      getHandler: () => message,
      getClass: () => StockController,
      switchToRpc: () => ({ getData: () => data, getContext: () => shared }),
    } as never);
  expect(await message({ authorization: `Bearer ${issuer.userToken()}` })).toBe(true);
  await expect(message({})).rejects.toMatchObject({ error: { code: 'token_missing' } });
  verifier.close();
});

/** The contexts of transports that need a broker, as Nest shapes them. */
describe('the token of', () => {
  const bearer = 'Bearer abc';
  const rpc = (context: unknown, data: unknown = {}) =>
    tokenOf({
      getType: () => 'rpc',
      switchToRpc: () => ({ getData: () => data, getContext: () => context }),
    } as never);
  const socket = (client: unknown) =>
    tokenOf({ getType: () => 'ws', switchToWs: () => ({ getClient: () => client }) } as never);
  const graphql = (context: unknown) =>
    tokenOf({ getType: () => 'graphql', getArgByIndex: () => context } as never);

  it.each<[string, () => string | undefined]>([
    ['gRPC', () => rpc({ get: () => [bearer] })],
    [
      'Kafka',
      () => rpc({ getMessage: () => ({ headers: { authorization: Buffer.from(bearer) } }) }),
    ],
    ['NATS', () => rpc({ getHeaders: () => new Map([['authorization', bearer]]) })],
    [
      'RabbitMQ',
      () => rpc({ getMessage: () => ({ properties: { headers: { Authorization: bearer } } }) }),
    ],
    [
      'MQTT 5',
      () =>
        rpc({ getPacket: () => ({ properties: { userProperties: { authorization: bearer } } }) }),
    ],
    ['TCP and Redis', () => rpc({}, { authorization: bearer })],
    ['socket.io', () => socket({ handshake: { auth: { token: 'abc' } } })],
    ['socket.io by header', () => socket({ handshake: { headers: { authorization: bearer } } })],
    ['Apollo', () => graphql({ req: { headers: { authorization: bearer } } })],
    ['Mercurius', () => graphql({ reply: { request: { headers: { authorization: bearer } } } })],
    ['graphql-ws', () => graphql({ connectionParams: { Authorization: bearer } })],
    [
      'Apollo’s subscriptions',
      () => graphql({ req: { connectionParams: { authorization: bearer } } }),
    ],
    [
      'a subscription’s upgrade',
      () => graphql({ extra: { request: { headers: { authorization: bearer } } } }),
    ],
  ])('%s', (_what, find) => {
    expect(find()).toBe('abc');
  });

  it('nothing at all is none', () => {
    for (const nothing of [undefined, null, 7, 'text', {}]) {
      expect(rpc(nothing, nothing)).toBeUndefined();
      expect(graphql(nothing)).toBeUndefined();
    }
  });
});
