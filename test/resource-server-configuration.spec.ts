import { Controller, Get, type LoggerService, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  createVerifier,
  type IssuerRequest,
  IssuerUnreachable,
  LatchkeyStrategy,
  ResourceServerModule,
  type ResourceServerPlacement,
  type Verifier,
  VerifierMisconfigured,
  type VerifierOptions,
} from '../src/resource-server/index.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { TestIssuer } from './support/issuer.js';
import { withBrokenSignature } from './support/jwt.js';

const METADATA = '/.well-known/oauth-authorization-server';
const client = { id: 'orders', secret: 'wrong-secret' };

let issuer: TestIssuer;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  issuer = await TestIssuer.start();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await issuer.down();
});

class Lines {
  readonly debugged: string[] = [];
  readonly warned: string[] = [];
  debug = (line: string) => void this.debugged.push(line);
  warn = (line: string) => void this.warned.push(line);
}

function verifierFor(options: Partial<VerifierOptions> = {}): Verifier {
  const settings = { issuer: issuer.url, audience: 'orders', logger: false, ...options } as const;
  const verifier = createVerifier(settings);
  closing.push(() => verifier.close());
  return verifier;
}

/** What the issuer is made to be, the options that are wrong for it, and what the sentence names. */
const MISTAKES: [string, () => Partial<VerifierOptions>, RegExp][] = [
  [
    'an issuer that calls itself otherwise',
    () => ({ issuer: issuer.url.replace('127.0.0.1', 'localhost') }),
    /`issuer`.*"http:\/\/127\.0\.0\.1:\d+"/,
  ],
  [
    'metadata of another issuer under its address',
    () => ({ issuer: 'https://auth.example.com', address: issuer.url }),
    /`issuer`.*"http:\/\/127\.0\.0\.1:\d+"/,
  ],
  ['a path where no Latchkey is', () => ({ issuer: `${issuer.url}/nowhere` }), /404.*`issuer`/],
  [
    'a site that answers everything with a page',
    () => {
      const page = () => ({ body: '<!doctype html>' });
      issuer.instead.set(METADATA, page);
      issuer.instead.set('/.well-known/openid-configuration', page);
      return {};
    },
    /`issuer`.*not JSON/,
  ],
  [
    'a client that the issuer does not know',
    () => {
      issuer.instead.set('/oauth/introspect', () => ({ status: 401 }));
      return { client };
    },
    /`client`/,
  ],
];

describe('What is wrong with the options', () => {
  it.each(MISTAKES)('fails ready() with a sentence: %s', async (_what, options, sentence) => {
    const failure: unknown = await verifierFor(options())
      .ready()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(VerifierMisconfigured);
    expect(String(failure)).toMatch(sentence);
    expect(String(failure)).not.toContain(client.secret);
  });

  it.each(MISTAKES)(
    'keeps a Nest application from starting: %s',
    async (_what, options, sentence) => {
      await expect(startApp({ logger: false, ...options() })).rejects.toThrow(sentence);
    },
  );

  it('is not seen in an issuer that is away: ready() says so, and Nest starts', async () => {
    await issuer.down();
    const failure: unknown = await verifierFor({ client })
      .ready()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IssuerUnreachable);
    expect(failure).not.toBeInstanceOf(VerifierMisconfigured);
    await startApp({ client, logger: false });
    await issuer.up();
  });

  it('is not seen in introspection that fails for another reason', async () => {
    issuer.instead.set('/oauth/introspect', () => ({ status: 503 }));
    await verifierFor({ client }).ready();
  });

  it('is found with a right client neither: it is asked about once', async () => {
    const verifier = verifierFor({ client });
    await verifier.ready();
    await verifier.ready();
    expect(issuer.posted).toHaveLength(1);
  });
});

describe('An option that there is none of', () => {
  const refused: [string, string, object][] = [
    ['misspelt', 'pollIntervall', { pollIntervall: 1 }],
    [
      'misspelt within revocation',
      'revocation.pollIntervall',
      { revocation: { pollIntervall: 1 } },
    ],
    ['of a client', 'client.password', { client: { id: 'a', secret: 'b', password: 'c' } }],
    ['that is a hook', 'hooks.refusd', { hooks: { refusd: () => undefined } }],
    ['that has a name of Object’s', 'toString', { toString: () => '' }],
  ];

  it.each(refused)('is refused by its name: %s', (_what, name, options) => {
    expect(() => verifierFor(options)).toThrow(`there is no option ${name}`);
    expect(() => verifierFor(options)).toThrow(TypeError);
  });

  it('is refused by the Nest module too, which takes its own', async () => {
    const misspelt = { guardEveryRout: false } as object;
    await expect(startApp(misspelt)).rejects.toThrow('there is no option guardEveryRout');
    await startApp({ guardEveryRoute: false });
  });

  it('is refused among demands, where it would let everybody pass', async () => {
    const verifier = verifierFor();
    const demands: object = { role: ['admin'] };
    const token = issuer.userToken();
    await expect(verifier.verify(token, demands)).rejects.toThrow('no demand `role`');
    await verifier.verify(token);
    await expect(verifier.verify(token, demands)).rejects.toThrow('no demand `role`');
    expect(() => new LatchkeyStrategy({ verifier, ...demands })).toThrow('no demand `role`');
  });

  it('is no member of an object of a class that has the hooks as methods', () => {
    class Metrics {
      count = 0;
      refused() {
        this.count += 1;
      }
    }
    expect(() => verifierFor({ hooks: new Metrics() })).not.toThrow();
  });
});

describe('The log', () => {
  it('has the reason of every refusal at debug, and the first of a kind at warn', async () => {
    const [lines, clock] = [new Lines(), new MovableClock()];
    const verifier = verifierFor({ logger: lines, clock });
    const foreign = issuer.userToken({ aud: 'invoices' });
    const bad = withBrokenSignature(issuer.userToken());
    for (const token of [foreign, foreign, foreign, bad]) await refused(verifier, token);
    expect(lines.debugged).toHaveLength(4);
    expect(lines.warned).toEqual([
      'Refused a call (token_invalid: aud). The token is for other audiences than those of the option `audience`.',
      'Refused a call (token_invalid: signature)',
    ]);
  });

  it('has one line a minute of a kind at warn, which counts the others', async () => {
    const [lines, clock] = [new Lines(), new MovableClock()];
    const verifier = verifierFor({ logger: lines, clock });
    const refuse = () => refused(verifier, issuer.userToken({ iss: 'https://other' }));
    await refuse();
    await refuse();
    clock.advance('59s');
    await refuse();
    expect(lines.warned).toHaveLength(1);
    clock.advance('1s');
    await refuse();
    expect(lines.warned).toHaveLength(2);
    expect(lines.warned[1]).toContain('2 more');
    clock.setBack('10m');
    await refuse();
    expect(lines.warned).toHaveLength(3);
  });

  it('says why the issuer gave nothing', async () => {
    const lines = new Lines();
    const url = issuer.url.replace('127.0.0.1', 'localhost');
    const verifier = verifierFor({ issuer: url, logger: lines });
    await refused(verifier, issuer.userToken({ iss: url }));
    expect(lines.warned.join('\n')).toMatch(/its metadata.*`issuer`/);
    expect(lines.warned.join('\n')).toContain('issuer_unavailable');
  });

  it('holds nothing of a token', async () => {
    const lines = new Lines();
    const verifier = verifierFor({ logger: lines });
    const token = issuer.userToken({ aud: 'nobody-else' });
    await refused(verifier, token);
    const all = [...lines.debugged, ...lines.warned].join('\n');
    for (const part of [...token.split('.'), 'nobody-else']) expect(all).not.toContain(part);
  });

  it('decides about nobody when it fails', async () => {
    const logger = {
      warn: () => {
        throw new Error('the disk is full');
      },
    };
    const refusals: string[] = [];
    const hooks = { refused: ({ reason }: { reason: string }) => void refusals.push(reason) };
    await refused(verifierFor({ logger, hooks }), issuer.userToken({ aud: 'invoices' }));
    expect(refusals).toEqual(['aud']);
  });

  it('is the application’s own in Nest, unless another is given', async () => {
    const [ofNest, given] = [new Lines(), new Lines()];
    await ask(await startApp({}, ofNest), issuer.userToken({ aud: 'invoices' }));
    expect(ofNest.warned.join('\n')).toContain('token_invalid: aud');
    ofNest.warned.length = 0;
    await ask(await startApp({ logger: given }, ofNest), issuer.userToken({ aud: 'invoices' }));
    expect(given.warned.join('\n')).toContain('token_invalid: aud');
    expect(ofNest.warned).toEqual([]);
  });
});

it('Hooks are told that an answer without sense is a failure', async () => {
  const seen: string[] = [];
  const requested = ({ document, outcome }: IssuerRequest) =>
    void seen.push(`${document} ${outcome}`);
  issuer.instead.set(METADATA, () => ({ body: '{"issuer":"https://other"}' }));
  await expect(verifierFor({ hooks: { requested } }).ready()).rejects.toThrow('https://other');
  expect(seen).toContain('metadata failed');
  issuer.instead.clear();
  issuer.instead.set('/.well-known/jwks.json', () => ({ body: '{"keys":{}}' }));
  await expect(verifierFor({ hooks: { requested } }).ready()).rejects.toThrow('JWK set');
  expect(seen).toContain('jwks failed');
});

async function refused(verifier: Verifier, token: string): Promise<void> {
  await expect(verifier.verify(token)).rejects.toMatchObject({ name: 'TokenError' });
}

@Controller()
class OrdersController {
  @Get()
  mine() {
    return {};
  }
}

/** @returns where it listens. */
async function startApp(
  options: Partial<VerifierOptions> & ResourceServerPlacement,
  lines?: Lines,
): Promise<string> {
  const kit = ResourceServerModule.forRoot({ issuer: issuer.url, audience: 'orders', ...options });
  @Module({ imports: [kit], controllers: [OrdersController] })
  class OrdersModule {}
  const quiet = () => undefined;
  const logger: LoggerService = { log: quiet, error: quiet, warn: quiet, ...lines };
  const app = await NestFactory.create(OrdersModule, new FastifyAdapter(), {
    logger,
    abortOnError: false,
  });
  closing.push(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

async function ask(url: string, token: string): Promise<void> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(401);
}
