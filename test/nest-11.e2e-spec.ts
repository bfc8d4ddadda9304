import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { type Fixture, startFixture } from './support/fixture.js';
import { freePort } from './support/free-port.js';
import { compile, type Layout, layOut } from './support/installed.js';
import { until } from './support/issuer.js';
import { type Credentials, createClient } from './support/oauth.js';
import { Suite, type TestService } from './support/suite.js';

const cases: [Layout, 'mjs' | 'cjs'][] = [
  ['npm', 'cjs'],
  ['npm, overridden', 'cjs'],
  ['pnpm', 'cjs'],
  ['npm', 'mjs'],
];

const suite = new Suite('sqlite');
let service: TestService;
let credentials: Credentials;
beforeAll(async () => {
  service = await suite.open();
  credentials = await createClient(service, { id: 'orders' });
});
afterAll(() => suite.end());

describe.each(cases)('An application on Nest 11, installed by %s, as .%s', (layout, format) => {
  let root: string;
  let orders: Fixture;
  let tcp: ClientProxy;
  let options: object;

  beforeAll(async () => {
    root = layOut(layout);
    compile(root, 'test/fixtures/nest-11/main.ts', format);
    const tcpPort = await freePort();
    options = {
      issuer: service.url,
      audience: service.url,
      client: { id: credentials.clientId, secret: credentials.clientSecret },
      revocation: { pollInterval: 0.2 },
      tcpPort,
    };
    orders = await startFixture(join(root, `main.${format}`), JSON.stringify(options));
    const address = { host: '127.0.0.1', port: tcpPort };
    tcp = ClientProxyFactory.create({ transport: Transport.TCP, options: address });
  });
  afterAll(async () => {
    await tcp.close();
    await orders.end();
    rmSync(root, { recursive: true });
  });

  it('has the copies of Nest that it is about', () => {
    const nested = existsSync(join(root, 'node_modules/latchkey/node_modules/@nestjs/core'));
    expect(nested).toBe(layout === 'npm');
    const host = join(root, 'node_modules/@nestjs/core/package.json');
    expect(JSON.parse(readFileSync(host, 'utf8'))).toMatchObject({
      version: expect.stringMatching(/^11\./) as unknown,
    });
  });

  it('accepts our users’ tokens and knows who it is', async () => {
    const { accessToken, user } = await service.register();
    const answer = await orders.get('/orders', { bearer: accessToken });
    expect([answer.status, answer.json()]).toEqual([200, { owner: user.id }]);
  });

  it('is closed by default, with the answers of RFC 6750; what is public is open', async () => {
    const missing = await orders.get('/orders');
    expect([missing.status, missing.header('www-authenticate')]).toEqual([
      401,
      'Bearer realm="latchkey"',
    ]);
    expect(missing.json()).toMatchObject({ statusCode: 401, code: 'token_missing' });
    const rubbish = await orders.get('/orders', { bearer: 'rubbish' });
    expect(rubbish.json()).toMatchObject({ statusCode: 401, code: 'token_invalid' });
    expect((await orders.get('/orders/prices')).status).toBe(200);
  });

  it('asks for roles', async () => {
    const { accessToken } = await service.register();
    const refused = await orders.get('/orders/all', { bearer: accessToken });
    expect([refused.status, refused.json()['code']]).toEqual([403, 'forbidden']);
    const admin = await service.registerAdmin();
    expect((await orders.get('/orders/all', { bearer: admin.accessToken })).status).toBe(200);
  });

  it('refuses with exceptions that the application’s own filters know', async () => {
    const answer = await orders.get('/orders/filtered');
    expect([answer.status, answer.json()]).toEqual([401, { filtered: true }]);
  });

  it('refuses after a sign-out: with the next poll, and at once where it asks', async () => {
    const { accessToken, refreshToken } = await service.register();
    expect((await orders.get('/orders', { bearer: accessToken })).status).toBe(200);
    expect((await orders.delete('/orders', { bearer: accessToken })).status).toBe(200);
    await service.post('/auth/logout', { refreshToken });
    expect((await orders.delete('/orders', { bearer: accessToken })).status).toBe(401);
    const refused = async () => (await orders.get('/orders', { bearer: accessToken })).status;
    await until(async () => (await refused()) === 401);
  });

  it('guards messages over TCP', async () => {
    const { accessToken, user } = await service.register();
    const count = (data: object) =>
      lastValueFrom(tcp.send<unknown>('count', data)).catch((error: unknown) => error);
    expect(await count({ sku: 'a-1', authorization: `Bearer ${accessToken}` })).toEqual({
      for: user.id,
      data: { sku: 'a-1' },
    });
    expect(await count({})).toMatchObject({ statusCode: 401, code: 'token_missing' });
  });

  it('guards messages over WebSocket', async () => {
    const { accessToken, user } = await service.register();
    expect(await whoami(accessToken)).toEqual({ event: 'whoami', data: user.id });
    expect(await whoami('rubbish')).toMatchObject({
      event: 'exception',
      data: { status: 'error', code: 'token_invalid' },
    });
  });

  it('does not start while a gateway is open by oversight: global guards do not reach it', async () => {
    const open = { ...options, tcpPort: await freePort(), openGateway: true };
    const started = startFixture(join(root, `main.${format}`), JSON.stringify(open));
    await expect(started).rejects.toThrow('OpenNews.all');
  });

  async function whoami(token: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${token}` };
    const socket = new WebSocket(orders.url.replace('http', 'ws'), { headers });
    await once(socket, 'open');
    const answer = once(socket, 'message');
    socket.send(JSON.stringify({ event: 'whoami' }));
    const [message] = (await answer) as [Buffer];
    socket.close();
    return JSON.parse(message.toString('utf8')) as unknown;
  }
});
