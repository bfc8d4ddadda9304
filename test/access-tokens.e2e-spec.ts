import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, createRemoteJWKSet, type JWK, jwtVerify } from 'jose';
import { expectProblem, freshEmail, PASSWORD, renewed, tokens } from './support/client.js';
import { base64url, decoded, type Json, signedHs256, withBrokenSignature } from './support/jwt.js';
import { createClient, introspect } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';
import { makeEcKeyPair } from '../src/testing/ec-key.js';

const keysOf = async (service: TestService): Promise<JWK[]> => {
  const answer = await service.get('/.well-known/jwks.json');
  expect(answer.status).toBe(200);
  return answer.json<{ keys: JWK[] }>().keys;
};

const verified = (service: TestService, token: string, audience = service.url) => {
  const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`));
  return jwtVerify(token, keys, { issuer: service.url, audience, typ: 'at+jwt' });
};

describeOnEachDatabase('An access token', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('is verified by a JWT library that knows our JWKS URL and nothing else', async () => {
    const { accessToken, user } = await service.register();
    const { payload } = await verified(service, accessToken);
    expect(payload.sub).toBe(user.id);
    await expect(verified(service, withBrokenSignature(accessToken))).rejects.toThrow();
  });

  it('has a header of alg, typ and kid, the RFC 7638 thumbprint of its key', async () => {
    const { accessToken } = await service.register();
    const { header } = decoded(accessToken);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    const key = (await keysOf(service)).find(({ kid }) => kid === header['kid']);
    expect(await calculateJwkThumbprint(key as JWK)).toBe(header['kid']);
  });

  it('has the claims of RFC 9068, and no personal data', async () => {
    const registered = await service.register({ username: `u${Date.now()}`, name: 'Una' });
    const { accessToken, sessionId, user, expiresIn } = registered;
    const { payload } = decoded(accessToken);
    const now = service.clock.seconds();
    expect(payload).toMatchObject({
      iss: service.url,
      sub: user.id,
      client_id: 'latchkey',
      iat: now,
      exp: now + expiresIn,
      jti: expect.any(String),
      sid: sessionId,
      auth_time: now,
      amr: ['pwd'],
      roles: ['user'],
      scope: '',
    });
    expect([payload['aud']].flat()).toEqual([service.url]);
    for (const claim of ['email', 'username', 'name']) expect(payload).not.toHaveProperty(claim);
    expect(JSON.stringify(payload)).not.toContain('Una');
  });

  it('lives for ACCESS_TOKEN_TTL, shortened at random by up to 5 %', async () => {
    let pair = renewed(await service.register());
    const lives = new Set<number>();
    for (let round = 0; round < 20; round += 1) {
      pair = await service.renew(pair.refreshToken);
      lives.add(pair.expiresIn);
    }
    expect(lives.size).toBeGreaterThan(1);
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(570);
    expect(Math.max(...lives)).toBeLessThanOrEqual(600);
  });

  it('is unlike any other', async () => {
    let pair = renewed(await service.register());
    const seen = new Set<unknown>();
    for (let round = 0; round < 10; round += 1) {
      pair = await service.renew(pair.refreshToken);
      seen.add(decoded(pair.accessToken).payload['jti']);
    }
    expect(seen.size).toBe(10);
  });

  it('keeps the time of the sign-in through renewals', async () => {
    const first = renewed(await service.register());
    const signedIn = service.clock.seconds();
    service.clock.advance('2d');
    const next = await service.renew(first.refreshToken);
    expect(decoded(next.accessToken).payload).toMatchObject({
      auth_time: signedIn,
      iat: service.clock.seconds(),
      sid: first.sessionId,
    });
  });

  it('is over at its exp, but for 30 s of leeway', async () => {
    const { accessToken, expiresIn } = await service.register();
    service.clock.advance(`${expiresIn + 29}s`);
    expect((await service.me(accessToken)).status).toBe(200);
    service.clock.advance('2s');
    const answer = await service.me(accessToken);
    expectProblem(answer, 'token_invalid');
    expect(answer.header('www-authenticate')).toBe(
      'Bearer realm="latchkey", error="invalid_token"',
    );
  });

  it('is over at once when its session ends', async () => {
    const first = renewed(await service.register());
    const second = await service.renew(first.refreshToken);
    for (const { accessToken } of [first, second]) {
      expect((await service.me(accessToken)).status).toBe(200);
    }
    await service.post('/auth/logout', { refreshToken: second.refreshToken });
    for (const { accessToken } of [first, second]) {
      expectProblem(await service.me(accessToken), 'token_invalid');
    }
  });

  it('shows a change of roles and scopes after the next renewal', async () => {
    const first = renewed(await service.register());
    expect(decoded(first.accessToken).payload).toMatchObject({ roles: ['user'], scope: '' });
    await service.promote(first.user.id);
    const next = await service.renew(first.refreshToken);
    const { payload } = decoded(next.accessToken);
    expect([...(payload['roles'] as string[])].sort()).toEqual(['admin', 'user']);
    expect(`${payload['scope']}`.split(' ').sort()).toEqual(['users:read', 'users:write']);
  });
});

describeOnEachDatabase('The configuration of access tokens', (suite) => {
  it('ACCESS_TOKEN_CLAIMS adds personal data', async () => {
    const service = await suite.open({ ACCESS_TOKEN_CLAIMS: 'email,username,name' });
    const wanted = { email: freshEmail(), username: `c${Date.now()}`, name: 'Cleo' };
    const { accessToken } = await service.register(wanted);
    const { payload: full } = decoded(accessToken);
    expect(full).toMatchObject({ ...wanted, email_verified: false });
    const some = await suite.open({ ACCESS_TOKEN_CLAIMS: 'name' });
    const { payload } = decoded((await some.register({ name: 'Nan' })).accessToken);
    expect(payload).toMatchObject({ name: 'Nan' });
    expect(payload).not.toHaveProperty('email');
    expect(payload).not.toHaveProperty('email_verified');
  });

  it('an address in a token comes with whether it was verified', async () => {
    const service = await suite.open({ ACCESS_TOKEN_CLAIMS: 'email' });
    const { user, refreshToken } = renewed(await service.register());
    await service.database.query(`update users set email_verified = 1 where id = '${user.id}'`);
    const { accessToken } = await service.renew(refreshToken);
    expect(decoded(accessToken).payload).toMatchObject({ email_verified: true });
    const introspected = await introspect(service, await createClient(service), accessToken);
    expect(introspected.json()).toMatchObject({ email: user.email, email_verified: true });
  });

  it('ACCESS_TOKEN_AUDIENCE names who may accept them', async () => {
    const service = await suite.open({ ACCESS_TOKEN_AUDIENCE: 'orders, billing' });
    const { accessToken } = await service.register();
    expect([decoded(accessToken).payload['aud']].flat()).toEqual(['orders', 'billing']);
    await verified(service, accessToken, 'billing');
    expect((await service.me(accessToken)).status).toBe(200);
  });

  it('CLIENT_ID is the client_id', async () => {
    const service = await suite.open({ CLIENT_ID: 'our-app' });
    const { accessToken } = await service.register();
    expect(decoded(accessToken).payload['client_id']).toBe('our-app');
  });

  it('ACCESS_TOKEN_TTL is how long they live', async () => {
    const service = await suite.open({ ACCESS_TOKEN_TTL: '100s' });
    const { expiresIn } = await service.register();
    expect(expiresIn).toBeGreaterThanOrEqual(95);
    expect(expiresIn).toBeLessThanOrEqual(100);
  });

  it('ROLE_SCOPES says what a role may do', async () => {
    const ROLE_SCOPES = JSON.stringify({ user: ['notes:read', 'notes:write'], admin: ['*'] });
    const service = await suite.open({ ROLE_SCOPES });
    const { accessToken } = await service.register();
    const scopes = `${decoded(accessToken).payload['scope']}`.split(' ').sort();
    expect(scopes).toEqual(['notes:read', 'notes:write']);
  });

  it.each(['ES256', 'RS256', 'PS256', 'ES384'])('ACCESS_TOKEN_ALG=%s signs so', async (alg) => {
    const service = await suite.openFresh({ ACCESS_TOKEN_ALG: alg });
    const { accessToken } = await service.register();
    expect(decoded(accessToken).header).toMatchObject({ alg, typ: 'at+jwt' });
    const { protectedHeader } = await verified(service, accessToken);
    expect(protectedHeader.alg).toBe(alg);
    expect((await service.me(accessToken)).status).toBe(200);
    for (const key of await keysOf(service)) {
      expect(key).toMatchObject({ alg, use: 'sig', kid: await calculateJwkThumbprint(key) });
    }
  });

  it('ACCESS_TOKEN_ALG=HS256 signs with the UTF-8 bytes of ACCESS_TOKEN_SECRET', async () => {
    const secret = 'für eine einzige Installation, 32 Bytes';
    const service = await suite.openFresh({
      ACCESS_TOKEN_ALG: 'HS256',
      ACCESS_TOKEN_SECRET: secret,
    });
    const { accessToken } = await service.register();
    expect(decoded(accessToken).header).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    const key = new TextEncoder().encode(secret);
    await jwtVerify(accessToken, key, { issuer: service.url, audience: service.url });
    expect((await service.me(accessToken)).status).toBe(200);
    expectProblem(await service.me(withBrokenSignature(accessToken)), 'token_invalid');
    expect(await keysOf(service)).toEqual([]);
  });
});

describeOnEachDatabase('A forged access token', (suite) => {
  const ours = makeEcKeyPair();
  const theirs = makeEcKeyPair();
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-key-'));
  const file = join(directory, 'key.pem');
  let service: TestService;
  let genuine: { header: Json; payload: Json };
  let token: string;

  beforeAll(async () => {
    writeFileSync(file, ours.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    service = await suite.open({ SIGNING_KEY_FILE: file });
    const { email } = (await service.register()).user;
    token = tokens(await service.login({ email, password: PASSWORD })).accessToken;
    genuine = decoded(token);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Of the two forms of a signature we take the one with the lower s: signs until it comes. */
  const es256 = (input: string, key: KeyObject = ours.privateKey): string => {
    const made = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    return (made[32] ?? 255) < 0x7f ? made.toString('base64url') : es256(input, key);
  };

  /** Signs whatever it is given with the key in use, or with another. */
  const signed = (header: unknown, payload: unknown, key?: KeyObject) => {
    const input = `${base64url(header)}.${base64url(payload)}`;
    return `${input}.${es256(input, key)}`;
  };
  const withHeader = (change: Json, key?: KeyObject) =>
    signed({ ...genuine.header, ...change }, genuine.payload, key);
  const withPayload = (change: Json) => signed(genuine.header, { ...genuine.payload, ...change });
  /** The payload with a piece of its JSON text replaced. */
  const withText = (pattern: RegExp, text: string) =>
    signed(genuine.header, JSON.stringify(genuine.payload).replace(pattern, text));
  const part = (at: number) => token.split('.')[at] ?? '';
  const now = () => service.clock.seconds();

  const expectRefused = async (forged: string) => {
    const answer = await service.get('/users/me', { bearer: forged });
    expectProblem(answer, 'token_invalid');
    expect(answer.header('www-authenticate')).toBe(
      'Bearer realm="latchkey", error="invalid_token"',
    );
  };

  it('is told from one that is signed by the key in SIGNING_KEY_FILE', async () => {
    expect(genuine.header['kid']).toBe(
      await calculateJwkThumbprint(
        createPublicKey(ours.privateKey).export({ format: 'jwk' }) as JWK,
      ),
    );
    for (const right of [token, withHeader({}), withPayload({ jti: 'a new one' })]) {
      expect((await service.me(right)).status).toBe(200);
    }
  });

  it.each<[string, () => string]>([
    [
      'with the algorithm «none»',
      () => `${base64url({ ...genuine.header, alg: 'none' })}.${part(1)}.`,
    ],
    [
      'with «none» and the old signature',
      () => `${base64url({ ...genuine.header, alg: 'none' })}.${part(1)}.${part(2)}`,
    ],
    ['with «nOnE»', () => `${base64url({ ...genuine.header, alg: 'nOnE' })}.${part(1)}.`],
    ['without an algorithm', () => withHeader({ alg: undefined })],
    [
      'with HS256 and the public key for a secret',
      () =>
        signedHs256(
          { ...genuine.header, alg: 'HS256' },
          genuine.payload,
          ours.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        ),
    ],
    [
      'with HS256 and an empty secret',
      () => signedHs256({ ...genuine.header, alg: 'HS256' }, genuine.payload, ''),
    ],
    ['that names another algorithm than the key’s', () => withHeader({ alg: 'ES384' })],
    ['signed with another key under our kid', () => withHeader({}, theirs.privateKey)],
    ['with an unknown kid', () => withHeader({ kid: 'unknown' })],
    ['with a path for a kid', () => withHeader({ kid: '../../dev/null' })],
    ['with SQL for a kid', () => withHeader({ kid: "' union select 'key" })],
    ['with a number for a kid', () => withHeader({ kid: 1 })],
    ['without a kid', () => withHeader({ kid: undefined })],
    [
      'that brings its own key',
      () =>
        withHeader(
          { kid: undefined, jwk: theirs.publicKey.export({ format: 'jwk' }) },
          theirs.privateKey,
        ),
    ],
    [
      'that brings its own key under our kid',
      () => withHeader({ jwk: theirs.publicKey.export({ format: 'jwk' }) }, theirs.privateKey),
    ],
    [
      'that says where its key lies',
      () => withHeader({ jku: 'https://evil.example/jwks.json' }, theirs.privateKey),
    ],
    ['with a critical extension', () => withHeader({ crit: ['exp'] })],
    ['with the type of any JWT', () => withHeader({ typ: 'JWT' })],
    ['with the type of a refresh token', () => withHeader({ typ: 'rt+jwt' })],
    ['without a type', () => withHeader({ typ: undefined })],
    [
      'with a header member twice',
      () => {
        const text = JSON.stringify(genuine.header).replace('{', '{"alg":"none",');
        return signed(text, genuine.payload);
      },
    ],
    ['with a header that is a list', () => signed([], genuine.payload)],
    ['with a header that is no JSON', () => signed('{', genuine.payload)],
    ['with a payload that is no JSON', () => signed(genuine.header, 'payload')],
    ['with a payload that is a list', () => signed(genuine.header, [genuine.payload])],
    ['with a payload that is null', () => signed(genuine.header, 'null')],
  ])('%s is refused', async (_what, forged) => {
    await expectRefused(forged());
  });

  it.each<[string, () => Json]>([
    ['another issuer', () => ({ iss: 'https://elsewhere.example' })],
    ['an issuer with a slash at the end', () => ({ iss: `${service.url}/` })],
    ['a list for an issuer', () => ({ iss: [service.url] })],
    ['another audience', () => ({ aud: 'https://elsewhere.example' })],
    ['no audience', () => ({ aud: undefined })],
    ['an empty audience', () => ({ aud: [] })],
    ['an audience that only begins right', () => ({ aud: `${service.url}.evil.example` })],
    ['an audience with a number in it', () => ({ aud: [service.url, 1] })],
    ['no subject', () => ({ sub: undefined })],
    ['a number for a subject', () => ({ sub: 1 })],
    ['no end', () => ({ exp: undefined })],
    ['an end in words', () => ({ exp: `${now() + 60}` })],
    ['null for an end', () => ({ exp: null })],
    ['an end that is past', () => ({ exp: now() - 31 })],
    ['a beginning that is to come', () => ({ nbf: now() + 31 })],
    ['a beginning in words', () => ({ nbf: 'now' })],
    ['a time of issue that is to come', () => ({ iat: now() + 31 })],
    ['a time of issue in words', () => ({ iat: 'now' })],
    ['no time of issue', () => ({ iat: undefined })],
    ['no session', () => ({ sid: undefined })],
    ['an unknown session', () => ({ sid: '00000000-0000-7000-8000-000000000000' })],
    ['an object for a session', () => ({ sid: { $ne: '' } })],
    ['no id', () => ({ jti: undefined })],
    ['no client', () => ({ client_id: undefined })],
    ['a string for the roles', () => ({ roles: 'admin' })],
    ['numbers for the roles', () => ({ roles: [1] })],
    ['no roles', () => ({ roles: undefined })],
    ['a list for the scope', () => ({ scope: ['users:read'] })],
  ])('with %s is refused, although well signed', async (_what, change) => {
    await expectRefused(withPayload(change()));
  });

  it('with an end beyond all numbers is refused, although well signed', async () => {
    for (const number of ['1e400', '-1e400']) {
      await expectRefused(withText(/"exp":\d+/, `"exp":${number}`));
    }
  });

  it('is refused in any form but the compact, canonical one', async () => {
    const [header, payload, signature] = [part(0), part(1), part(2)];
    const last = signature.slice(-1);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? '';
    const forms = [
      `${token}=`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${token}.`,
      `${token}.${signature}`,
      `.${token}`,
      `${header}..${signature}`,
      `${header}.${payload}.${signature}.${signature}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -1)}${twin}`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${payload}.${signature}AAAA`,
      `${header}.${payload}. ${signature}`,
      `${header}.${payload}.${signature}!`,
      token.replace(/[-_]/g, (sign) => (sign === '-' ? '+' : '/')).replace(/.$/, '+'),
      'garbage',
      'a.b.c',
      '...',
    ];
    for (const form of forms) await expectRefused(form);
  });

  it('has 30 s of leeway for clocks that differ, and no more', async () => {
    const near = [{ exp: now() - 29 }, { nbf: now() + 29 }, { iat: now() + 29 }];
    for (const change of near) expect((await service.me(withPayload(change))).status).toBe(200);
    const far = [{ exp: now() - 31 }, { nbf: now() + 31 }, { iat: now() + 31 }];
    for (const change of far) await expectRefused(withPayload(change));
  });

  it('cannot be remembered as good', async () => {
    const { accessToken, refreshToken } = renewed(await service.register());
    for (let time = 0; time < 3; time += 1)
      expect((await service.me(accessToken)).status).toBe(200);
    await expectRefused(withBrokenSignature(accessToken));
    await service.post('/auth/logout', { refreshToken });
    await expectRefused(accessToken);
  });

  it.each([
    ['no header at all', undefined],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
  ])('is not even looked for with %s', async (_what, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await service.get('/users/me', { headers });
    expectProblem(answer, 'token_missing');
    expect(answer.header('www-authenticate')).toBe('Bearer realm="latchkey"');
  });
});

describeOnEachDatabase('Discovery', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('lists public keys only, each with kid, alg and use', async () => {
    const keys = await keysOf(service);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      expect(key).toMatchObject({ kid: expect.any(String), alg: 'ES256', use: 'sig', kty: 'EC' });
      for (const secret of ['d', 'p', 'q', 'k']) expect(key).not.toHaveProperty(secret);
    }
  });

  it('may be cached for five minutes, and asked for again by ETag', async () => {
    const answer = await service.get('/.well-known/jwks.json');
    expect(answer.header('cache-control')).toBe('public, max-age=300');
    const etag = `${answer.header('etag')}`;
    expect(etag).toMatch(/^(W\/)?".+"$/);
    const headers = { 'if-none-match': etag };
    const again = await service.get('/.well-known/jwks.json', { headers });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    '%s names the issuer byte for byte, whatever Host says',
    async (path) => {
      for (const headers of [
        {},
        { host: 'evil.example' },
        { 'x-forwarded-host': 'evil.example' },
      ]) {
        const answer = await service.get(path, { headers });
        expect(answer.status).toBe(200);
        const metadata = answer.json();
        expect(metadata['issuer']).toBe(service.url);
        expect(metadata['jwks_uri']).toBe(`${service.url}/.well-known/jwks.json`);
        expect(answer.text).not.toContain('evil.example');
      }
    },
  );

  it('and tokens name the issuer byte for byte, whatever Host says', async () => {
    const body = { email: freshEmail(), password: PASSWORD };
    const answer = await service.post('/auth/register', body, {
      headers: { host: 'evil.example' },
    });
    expect(decoded(tokens(answer, 201).accessToken).payload['iss']).toBe(service.url);
  });

  it('lists a key before it signs, and one that signed until its last token has expired', async () => {
    const { clock } = service;
    const published = new Map<string, number>();
    const retired: { token: string; until: number }[] = [];
    let pair = renewed(await service.register());
    for (let step = 0; step < 80; step += 1) {
      const listed = (await keysOf(service)).map(({ kid }) => `${kid}`);
      for (const kid of listed) if (!published.has(kid)) published.set(kid, step);
      pair = await service.renew(pair.refreshToken);
      const kid = `${decoded(pair.accessToken).header['kid']}`;
      expect([...published.keys()]).toContain(kid);
      for (const { token, until } of retired) {
        if (clock.seconds() < until) expect(listed).toContain(`${decoded(token).header['kid']}`);
      }
      retired.push({ token: pair.accessToken, until: clock.seconds() + pair.expiresIn });
      clock.advance('12h');
    }
  });
});
