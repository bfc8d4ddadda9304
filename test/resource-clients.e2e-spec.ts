import { createHmac, createPublicKey, sign } from 'node:crypto';
import { basename } from 'node:path';
import { latchkeyJson } from './support/cli.js';
import { RunningClock } from '../src/testing/movable-clock.js';
import { type Fixture, startFixture } from './support/fixture.js';
import { until } from './support/issuer.js';
import { base64url, decoded, type Json, withBrokenSignature } from './support/jwt.js';
import { createClient, serviceToken } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';
import { makeEcKeyPair } from '../src/testing/ec-key.js';

type Options = Json & { audience: string };

/** What a service has to be told to trust us: with the address of the keys, or with the issuer alone. */
const libraries: [name: string, file: string, options: (issuer: string) => Json][] = [
  [
    'jwks-rsa with passport-jwt on Express',
    'express-passport-jwt.js',
    (issuer) => ({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, algorithms: ['ES256'] }),
  ],
  [
    'jwks-rsa with passport-jwt in Nest',
    'nest-passport-jwt.js',
    (issuer) => ({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, algorithms: ['ES256'] }),
  ],
  [
    'express-oauth2-jwt-bearer, which discovers us',
    'express-oauth2-jwt-bearer.js',
    (issuerBaseURL) => ({ issuerBaseURL, strict: true, cooldownDuration: 1_000 }),
  ],
  [
    'express-oauth2-jwt-bearer, which is told of the keys',
    'express-oauth2-jwt-bearer.js',
    (issuer) => ({
      ...{ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, tokenSigningAlg: 'ES256' },
      ...{ strict: true, cooldownDuration: 1_000 },
    }),
  ],
];

interface Material {
  accessToken: string;
  refreshToken: string;
  /** The public key that our tokens are verified with. */
  jwk: Json;
}

const { privateKey } = makeEcKeyPair();

/** The token with another header and another signature. */
function signedAnew(token: string, header: Json, signature: (input: string) => string): string {
  const { header: old, payload } = decoded(token);
  const input = `${base64url({ ...old, ...header })}.${base64url(payload)}`;
  return `${input}.${signature(input)}`;
}

function byStranger(input: string): string {
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return sign('sha256', Buffer.from(input), key).toString('base64url');
}

const forgeries: [what: string, forge: (material: Material) => string][] = [
  ['a broken signature', ({ accessToken }) => withBrokenSignature(accessToken)],
  ['a stranger’s signature', ({ accessToken }) => signedAnew(accessToken, {}, byStranger)],
  [
    'a stranger’s key, which the token brings along',
    ({ accessToken }) => {
      const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
      return signedAnew(accessToken, { jwk }, byStranger);
    },
  ],
  [
    'a key nobody published',
    ({ accessToken }) => signedAnew(accessToken, { kid: 'unheard-of' }, byStranger),
  ],
  [
    'the public key as an HMAC secret',
    ({ accessToken, jwk }) => {
      const key = createPublicKey({ key: jwk, format: 'jwk' });
      const pem = key.export({ format: 'pem', type: 'spki' });
      return signedAnew(accessToken, { alg: 'HS256' }, (input) =>
        createHmac('sha256', pem).update(input).digest('base64url'),
      );
    },
  ],
  ['no signature', ({ accessToken }) => signedAnew(accessToken, { alg: 'none' }, () => '')],
  [
    'changed claims',
    ({ accessToken }) => {
      const [header, , signature] = accessToken.split('.');
      const { payload } = decoded(accessToken);
      return [header, base64url({ ...payload, sub: 'somebody else' }), signature].join('.');
    },
  ],
  ['a refresh token', ({ refreshToken }) => refreshToken],
];

describeOnEachDatabase('A service that knows nothing of us but the address', (suite) => {
  describe.each(libraries)('with %s', (name, file, optionsFor) => {
    let service: TestService;
    let orders: Fixture;
    const others: Fixture[] = [];
    const start = (change: Partial<Options> = {}) => {
      const options = { audience: 'orders', ...optionsFor(service.url), ...change };
      return startFixture(file, JSON.stringify(options));
    };
    beforeAll(async () => {
      service = await suite.openFresh({ ACCESS_TOKEN_AUDIENCE: 'shop,orders' }, new RunningClock());
      orders = await start();
    });
    afterAll(() => Promise.all([orders, ...others].map((one) => one.end())));

    const status = async (bearer: string, of = orders) =>
      (await of.get('/orders', { bearer })).status;

    it('accepts a user’s token and knows who it is', async () => {
      const { accessToken, user } = await service.register();
      const answer = await orders.get('/orders', { bearer: accessToken });
      expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ owner: user.id })]);
    });

    it('accepts a service’s token', async () => {
      const id = `${basename(file, '.js')}-caller`;
      const client = await createClient(service, { id, audience: 'orders' });
      const { access_token } = await serviceToken(service, client);
      const answer = await orders.get('/orders', { bearer: access_token });
      expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ owner: id })]);
    });

    it('refuses who brings none, with a challenge', async () => {
      const answer = await orders.get('/orders');
      expect(answer.status).toBe(401);
      if (!name.startsWith('jwks-rsa'))
        expect(answer.header('www-authenticate')).toMatch(/^Bearer/);
    });

    it('refuses what is meant for others', async () => {
      const { accessToken } = await service.register();
      const stock = await start({ audience: 'stock' });
      others.push(stock);
      expect([await status(accessToken), await status(accessToken, stock)]).toEqual([200, 401]);
    });

    it('refuses what has expired', async () => {
      service.clock.setBack('11m');
      const { accessToken } = await service.register();
      service.clock.advance('11m');
      expect(await status(accessToken)).toBe(401);
    });

    it.each(forgeries)('refuses %s', async (_what, forge) => {
      const { accessToken, refreshToken } = await service.register();
      const jwks = (await service.get('/.well-known/jwks.json')).json<{ keys: [Json] }>();
      const forged = forge({ accessToken, refreshToken: refreshToken ?? '', jwk: jwks.keys[0] });
      expect(forged).not.toBe(accessToken);
      expect([await status(accessToken), await status(forged)]).toEqual([200, 401]);
    });

    it('follows a rotation of the keys, and takes tokens of the old one until they expire', async () => {
      const { accessToken: old } = await service.register();
      const { kid } = await latchkeyJson<{ kid: string }>(service.database.environment, [
        ...['keys', 'rotate', '--now'],
      ]);
      const published = async () =>
        (await service.get('/.well-known/jwks.json')).text.includes(kid);
      await until(published, 12);
      const { accessToken: fresh } = await service.register();
      expect(decoded(fresh).header['kid']).toBe(kid);
      expect([await status(fresh), await status(old)]).toEqual([200, 200]);
    });
  });
});
