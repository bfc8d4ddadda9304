import { MovableClock } from '../src/testing/movable-clock.js';
import { latchkey } from './support/cli.js';
import { expectProblem, renewed, someone, tokens } from './support/client.js';
import { decoded, withBrokenSignature } from './support/jwt.js';
import {
  basic,
  createClient,
  type Credentials,
  expectOAuthError,
  FIRST_PARTY,
  introspect,
  postForm,
  postRaw,
  serviceToken,
  type TokenAnswer,
} from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const CREDENTIALS = { grant_type: 'client_credentials' };

describeOnEachDatabase('POST /oauth/token with client_credentials', (suite) => {
  let service: TestService;
  let orders: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    orders = await createClient(service, { id: 'orders', scope: 'orders:read stock:read' });
  });
  const token = (parameters: Record<string, string>, headers = basic(orders)) =>
    postForm(service, '/oauth/token', { ...CREDENTIALS, ...parameters }, headers);

  it('gives a service a token of its own, which is no user’s', async () => {
    const answer = await token({});
    expect(answer.status).toBe(200);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('pragma')).toBe('no-cache');
    const body = answer.json<TokenAnswer>();
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'orders:read stock:read',
    });
    const { header, payload } = decoded(body.access_token);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(payload).toEqual({
      iss: service.url,
      sub: 'orders',
      aud: service.url,
      client_id: 'orders',
      iat: service.clock.seconds(),
      exp: service.clock.seconds() + body.expires_in,
      jti: expect.any(String),
      scope: 'orders:read stock:read',
    });
  });

  it('takes the secret in the form too', async () => {
    const { clientId: client_id, clientSecret: client_secret } = orders;
    const form = { ...CREDENTIALS, client_id, client_secret };
    expect((await postForm(service, '/oauth/token', form)).status).toBe(200);
  });

  it('takes Basic credentials that are encoded as in a form', async () => {
    const odd = await createClient(service, { id: 'a:b+c%d/&~' });
    expect((await token({}, basic(odd))).status).toBe(200);
    const bare = Buffer.from(`${odd.clientId}:${odd.clientSecret}`).toString('base64');
    expectOAuthError(await token({}, { authorization: `Basic ${bare}` }), 401, 'invalid_client');
  });

  it('gives fewer scopes when fewer are asked for', async () => {
    const answer = await token({ scope: 'stock:read stock:read' });
    const body = answer.json<TokenAnswer>();
    expect(body.scope).toBe('stock:read');
    expect(decoded(body.access_token).payload['scope']).toBe('stock:read');
  });

  it.each(['orders:write', 'orders:read orders:write', 'a"b', 'ä'])(
    'refuses the scope %s: invalid_scope',
    async (scope) => {
      expectOAuthError(await token({ scope }), 400, 'invalid_scope');
    },
  );

  it('a client without scopes gets a token without', async () => {
    const plain = await createClient(service);
    const body = await serviceToken(service, plain);
    expect(body).not.toHaveProperty('scope');
    expect(decoded(body.access_token).payload['scope']).toBe('');
    expectOAuthError(await token({ scope: 'any' }, basic(plain)), 400, 'invalid_scope');
  });

  it('a client’s own audience is that of its tokens', async () => {
    const one = await createClient(service, { audience: 'https://stock.example' });
    const two = await createClient(service, { audience: 'https://a.example,https://b.example' });
    const audience = async (client: Credentials) =>
      decoded((await serviceToken(service, client)).access_token).payload['aud'];
    expect(await audience(one)).toBe('https://stock.example');
    expect(await audience(two)).toEqual(['https://a.example', 'https://b.example']);
  });

  it('a wrong secret, an unknown client and none at all are one answer: invalid_client', async () => {
    const wrong = { ...orders, clientSecret: 'wrong' };
    const attempts = [
      token({}, basic(wrong)),
      token({}, basic({ clientId: 'nobody', clientSecret: 'x' })),
      token({}, basic({ clientId: 'nul\0', clientSecret: 'x' })),
      token({}, basic({ clientId: 'orders', clientSecret: '' })),
      token({}, { authorization: 'Basic' }),
      token({}, { authorization: 'Basic ***' }),
      token({}, { authorization: `Basic ${Buffer.from('nocolon').toString('base64')}` }),
      token({}, { authorization: `Basic ${Buffer.from('%zz:x').toString('base64')}` }),
      token({}, { authorization: `Basic ${Buffer.from([0xff, 0x3a]).toString('base64')}` }),
      token({}, { authorization: 'Bearer something' }),
      postForm(service, '/oauth/token', CREDENTIALS),
      postForm(service, '/oauth/token', { ...CREDENTIALS, client_id: 'orders' }),
      postForm(service, '/oauth/token', {
        ...CREDENTIALS,
        client_id: 'orders',
        client_secret: 'wrong',
      }),
      postForm(service, '/oauth/token', {
        ...CREDENTIALS,
        client_id: 'latchkey',
        client_secret: 'x',
      }),
    ];
    for (const answer of await Promise.all(attempts)) {
      expectOAuthError(answer, 401, 'invalid_client');
      expect(answer.header('www-authenticate')).toMatch(/^Basic realm="latchkey"/);
    }
  });

  it('the public client has no use for this grant: unauthorized_client', async () => {
    const answer = await postForm(service, '/oauth/token', { ...CREDENTIALS, ...FIRST_PARTY });
    expectOAuthError(answer, 400, 'unauthorized_client');
  });

  it.each(['authorization_code', 'password', 'CLIENT_CREDENTIALS', 'x'])(
    'the grant type %s is unsupported_grant_type',
    async (grant_type) => {
      expectOAuthError(await token({ grant_type }), 400, 'unsupported_grant_type');
    },
  );

  it('two ways to authenticate at once are invalid_request', async () => {
    const { clientId, clientSecret } = orders;
    expectOAuthError(await token({ client_secret: clientSecret }), 400, 'invalid_request');
    expectOAuthError(await token({ client_id: 'other' }), 400, 'invalid_request');
    expect((await token({ client_id: clientId })).status).toBe(200);
  });

  it('a token is good in every service that knows the keys, and at /users/me it gets 403', async () => {
    const { access_token } = await serviceToken(service, orders);
    for (const [method, path] of [
      ['GET', '/users/me'],
      ['GET', '/users'],
      ['GET', '/auth/sessions'],
      ['POST', '/auth/logout-all'],
    ] as const) {
      const answer = await service.send(method, path, { bearer: access_token });
      expect([path, answer.status, answer.json()['code']]).toEqual([path, 403, 'forbidden']);
      expect(answer.header('www-authenticate')).toBe(
        'Bearer realm="latchkey", error="insufficient_scope"',
      );
    }
  });

  it('signing out with it ends nothing and is no error', async () => {
    const { access_token } = await serviceToken(service, orders);
    const out = await service.send('POST', '/auth/logout', { bearer: access_token });
    expect(out.status).toBe(204);
    const still = await introspect(service, orders, access_token);
    expect(still.json()['active']).toBe(true);
  });
});

describeOnEachDatabase('POST /oauth/token with refresh_token', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ ROLE_SCOPES: '{"user":["notes:read","notes:write"]}' });
  });
  const signUp = async () => renewed(await service.register());
  const refresh = (
    refresh_token: string,
    parameters: Record<string, string> = {},
    headers: Record<string, string> = {},
  ) =>
    postForm(
      service,
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token, ...FIRST_PARTY, ...parameters },
      headers,
    );

  it('renews like /auth/refresh, in the words of OAuth', async () => {
    const session = await signUp();
    const answer = await refresh(session.refreshToken);
    expect(answer.status).toBe(200);
    expect(answer.header('refresh-outcome')).toBe('rotated');
    expect(answer.header('cache-control')).toBe('no-store');
    const body = answer.json<Required<TokenAnswer>>();
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'notes:read notes:write',
      refresh_token: expect.any(String),
    });
    expect(body.refresh_token).not.toBe(session.refreshToken);
    expect((await service.me(body.access_token)).status).toBe(200);
    expect((await service.refresh(body.refresh_token)).header('refresh-outcome')).toBe('rotated');
  });

  it('a retry gets the same refresh token, and reuse is theft: invalid_grant', async () => {
    const { refreshToken } = await signUp();
    const first = (await refresh(refreshToken)).json<Required<TokenAnswer>>();
    const retry = await refresh(refreshToken);
    expect(retry.header('refresh-outcome')).toBe('replayed');
    expect(retry.json<TokenAnswer>().refresh_token).toBe(first.refresh_token);
    await refresh(first.refresh_token);
    const reuse = await refresh(refreshToken);
    expectOAuthError(reuse, 400, 'invalid_grant');
    expect(reuse.header('refresh-outcome')).toBe('rejected');
    expect((await service.me(first.access_token)).status).toBe(401);
  });

  it('the same Idempotency-Key replays at any later time', async () => {
    const clock = new MovableClock();
    const other = await suite.open({}, clock);
    const session = renewed(await other.register());
    const send = () =>
      postForm(
        other,
        '/oauth/token',
        { grant_type: 'refresh_token', refresh_token: session.refreshToken, ...FIRST_PARTY },
        { 'idempotency-key': 'one-and-the-same' },
      );
    const first = await send();
    clock.advance('1h');
    const again = await send();
    expect(again.header('refresh-outcome')).toBe('replayed');
    expect(again.json()['refresh_token']).toBe(first.json()['refresh_token']);
  });

  it('a wrong Idempotency-Key is invalid_request and consumes nothing', async () => {
    const { refreshToken } = await signUp();
    const answer = await refresh(refreshToken, {}, { 'idempotency-key': 'short' });
    expectOAuthError(answer, 400, 'invalid_request');
    expect(answer.header('refresh-outcome')).toBe('rejected');
    expect((await refresh(refreshToken)).header('refresh-outcome')).toBe('rotated');
  });

  it('every token that is of no use is one answer, byte for byte', async () => {
    const { accessToken, refreshToken } = await signUp();
    const ended = await signUp();
    await service.post('/auth/logout', { refreshToken: ended.refreshToken });
    const useless = [
      accessToken,
      withBrokenSignature(refreshToken),
      ended.refreshToken,
      'garbage',
      'x'.repeat(20_000),
    ];
    const answers = await Promise.all(useless.map((token) => refresh(token)));
    for (const answer of answers) {
      expectOAuthError(answer, 400, 'invalid_grant');
      expect(answer.header('refresh-outcome')).toBe('rejected');
    }
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('the token of a cookie session is invalid_grant, consumes nothing and ends nothing', async () => {
    const { headers } = await service.post('/auth/register', someone({ transport: 'cookie' }));
    const cookie = (headers['set-cookie'] ?? [])[0]?.split(';')[0] ?? '';
    expectOAuthError(await refresh(cookie.split('=')[1] ?? ''), 400, 'invalid_grant');
    const still = await service.send('POST', '/auth/refresh', { cookie });
    expect([still.status, still.header('refresh-outcome')]).toEqual([200, 'rotated']);
  });

  it('gives fewer scopes when fewer are asked for, this once', async () => {
    const { refreshToken } = await signUp();
    const answer = await refresh(refreshToken, { scope: 'notes:read' });
    const body = answer.json<Required<TokenAnswer>>();
    expect(body.scope).toBe('notes:read');
    expect(decoded(body.access_token).payload['scope']).toBe('notes:read');
    expect((await refresh(body.refresh_token)).json()['scope']).toBe('notes:read notes:write');
  });

  it('a scope beyond the user’s is invalid_scope and consumes nothing', async () => {
    const { refreshToken } = await signUp();
    expectOAuthError(await refresh(refreshToken, { scope: 'admin' }), 400, 'invalid_scope');
    expect((await refresh(refreshToken)).header('refresh-outcome')).toBe('rotated');
  });

  it('is for the public client alone', async () => {
    const { refreshToken: refresh_token } = await signUp();
    const form = { grant_type: 'refresh_token', refresh_token };
    const client = await createClient(service);
    const attempts: [Parameters<typeof postForm>[2], Record<string, string>, number, string][] = [
      [form, {}, 401, 'invalid_client'],
      [{ ...form, client_id: 'other' }, {}, 401, 'invalid_client'],
      [{ ...form, ...FIRST_PARTY, client_secret: 'x' }, {}, 401, 'invalid_client'],
      [form, basic(client), 400, 'unauthorized_client'],
    ];
    for (const [parameters, headers, status, error] of attempts) {
      const answer = await postForm(service, '/oauth/token', parameters, headers);
      expectOAuthError(answer, status, error);
      expect(answer.header('refresh-outcome')).toBe('rejected');
    }
    const right = await refresh(refresh_token);
    expect(right.header('refresh-outcome')).toBe('rotated');
  });

  it('a bearer token that an HTTP library adds by itself is no hindrance', async () => {
    const { accessToken, refreshToken } = await signUp();
    const answer = await refresh(refreshToken, {}, { authorization: `Bearer ${accessToken}` });
    expect(answer.status).toBe(200);
  });

  it('CLIENT_ID names the public client', async () => {
    const other = await suite.open({ CLIENT_ID: 'my-app' });
    const { refreshToken: refresh_token } = renewed(await other.register());
    const form = { grant_type: 'refresh_token', refresh_token };
    const wrong = await postForm(other, '/oauth/token', { ...form, ...FIRST_PARTY });
    expectOAuthError(wrong, 401, 'invalid_client');
    const right = await postForm(other, '/oauth/token', { ...form, client_id: 'my-app' });
    expect(right.status).toBe(200);
  });
});

describeOnEachDatabase('POST /oauth/introspect', (suite) => {
  let service: TestService;
  let client: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    client = await createClient(service, { id: 'gateway', scope: 'a b' });
  });
  const ask = (token: string) => introspect(service, client, token);
  const expectInactive = async (token: string) => {
    const answer = await ask(token);
    expect([answer.status, answer.text]).toEqual([200, '{"active":false}']);
  };

  it('tells what a user’s access token says', async () => {
    const { accessToken } = await service.register();
    const answer = await ask(accessToken);
    expect(answer.status).toBe(200);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json()).toEqual({
      active: true,
      token_type: 'Bearer',
      ...decoded(accessToken).payload,
    });
  });

  it('tells of a refresh token without using it, and that it is none to call services with', async () => {
    const { refreshToken, sessionId, user } = renewed(await service.register());
    const expected = {
      active: true,
      token_type: 'refresh_token',
      client_id: 'latchkey',
      sub: user.id,
      sid: sessionId,
    };
    expect((await ask(refreshToken)).json()).toMatchObject(expected);
    expect((await ask(refreshToken)).json()).toMatchObject(expected);
    const next = await service.renew(refreshToken);
    await expectInactive(refreshToken);
    expect((await ask(next.refreshToken)).json()).toMatchObject(expected);
    expect((await service.me(next.accessToken)).status).toBe(200);
  });

  it('tells a client of its own service token, whomever it is meant for', async () => {
    const away = await createClient(service, { audience: 'https://stock.example' });
    const { access_token } = await serviceToken(service, away);
    const answer = await introspect(service, away, access_token);
    expect(answer.json()).toEqual({
      active: true,
      token_type: 'Bearer',
      ...decoded(access_token).payload,
    });
    await expectInactive(access_token);
  });

  it('a session that has ended makes both tokens inactive', async () => {
    const { accessToken, refreshToken } = renewed(await service.register());
    await service.post('/auth/logout', { refreshToken });
    await expectInactive(accessToken);
    await expectInactive(refreshToken);
  });

  it('tokens that have expired are inactive', async () => {
    const clock = new MovableClock();
    const other = await suite.open({}, clock);
    const { accessToken, refreshToken } = renewed(await other.register());
    const { access_token } = await serviceToken(other, client);
    const active = async (token: string) =>
      (await introspect(other, client, token)).json()['active'];
    expect(await active(access_token)).toBe(true);
    clock.advance('10m');
    expect([await active(accessToken), await active(access_token)]).toEqual([false, false]);
    expect(await active(refreshToken)).toBe(true);
    clock.advance('30d');
    expect(await active(refreshToken)).toBe(false);
  });

  it('what is malformed, forged or another’s is inactive and nothing more', async () => {
    const { accessToken } = await service.register();
    const elsewhere = await suite.openFresh();
    const foreign = await elsewhere.register();
    for (const token of [
      'garbage',
      '..',
      'a.b.c',
      ' ',
      '😀',
      `${accessToken} `,
      withBrokenSignature(accessToken),
      foreign.accessToken,
      foreign.refreshToken ?? '',
      'x'.repeat(20_000),
    ]) {
      await expectInactive(token);
    }
  });

  it('the tokens of a client that was deleted are inactive at once, also when its name returns', async () => {
    const before = await createClient(service, { id: 'short-lived' });
    const { access_token } = await serviceToken(service, before);
    expect((await introspect(service, before, access_token)).json()['active']).toBe(true);
    const { environment } = service.database;
    expect((await latchkey(environment, ['clients', 'delete', 'short-lived'])).code).toBe(0);
    expectOAuthError(await introspect(service, before, access_token), 401, 'invalid_client');
    const after = await createClient(service, { id: 'short-lived' });
    expect((await introspect(service, after, access_token)).text).toBe('{"active":false}');
    const verified = await service.get('/auth/verify', { bearer: access_token });
    expect(verified.status).toBe(401);
  });

  it('the hint is not needed, and a wrong one does no harm', async () => {
    const { accessToken: token } = await service.register();
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
      const form = { token, token_type_hint };
      const answer = await postForm(service, '/oauth/introspect', form, basic(client));
      expect(answer.json()['active']).toBe(true);
    }
  });

  it('wants a client with a secret, and a token', async () => {
    const { accessToken: token } = await service.register();
    for (const form of [{ token }, { token, ...FIRST_PARTY }]) {
      const answer = await postForm(service, '/oauth/introspect', form);
      expectOAuthError(answer, 401, 'invalid_client');
      expect(answer.header('www-authenticate')).toMatch(/^Basic /);
    }
    const none = await postForm(service, '/oauth/introspect', { token: '' }, basic(client));
    expectOAuthError(none, 400, 'invalid_request');
  });
});

describeOnEachDatabase('POST /oauth/revoke', (suite) => {
  let service: TestService;
  let client: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    client = await createClient(service);
  });
  const revoke = (token: string, headers: Record<string, string> = basic(client)) =>
    postForm(service, '/oauth/revoke', { token }, headers);
  const publicly = (token: string) => postForm(service, '/oauth/revoke', { token, ...FIRST_PARTY });

  it.each([
    ['refreshToken', 'the public client', publicly],
    ['accessToken', 'the public client', publicly],
    ['refreshToken', 'a service client', revoke],
    ['accessToken', 'a service client', revoke],
  ] as const)('with the %s, %s ends the session, and it alone', async (kind, _who, send) => {
    const person = someone();
    await service.register(person);
    const { email, password } = person;
    const sign = async () => renewed(tokens(await service.login({ email, password })));
    const [gone, stays] = [await sign(), await sign()];
    const answer = await send(gone[kind]);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect((await service.me(gone.accessToken)).status).toBe(401);
    expect((await service.refresh(gone.refreshToken)).status).toBe(401);
    expect((await service.me(stays.accessToken)).status).toBe(200);
  });

  it('an old refresh token ends its session too, and that of a cookie session', async () => {
    const { refreshToken } = renewed(await service.register());
    const next = await service.renew(refreshToken);
    expect((await publicly(refreshToken)).status).toBe(200);
    expect((await service.me(next.accessToken)).status).toBe(401);
    const answer = await service.post('/auth/register', someone({ transport: 'cookie' }));
    const { accessToken } = tokens(answer, 201);
    const cookie = (answer.headers['set-cookie'] ?? [])[0]?.split(';')[0]?.split('=')[1] ?? '';
    expect((await publicly(cookie)).status).toBe(200);
    expect((await service.me(accessToken)).status).toBe(401);
  });

  it('what is unknown, dead or forged: 200 and no effect', async () => {
    const { accessToken, refreshToken } = renewed(await service.register());
    for (const token of ['garbage', withBrokenSignature(accessToken), 'a.b.c', '😀']) {
      expect((await publicly(token)).status).toBe(200);
    }
    expect((await service.me(accessToken)).status).toBe(200);
    await publicly(refreshToken);
    expect((await publicly(refreshToken)).status).toBe(200);
    expect((await revoke(accessToken)).status).toBe(200);
  });

  it('a client’s own service token is dead afterwards, its others live on', async () => {
    const [one, two] = [await serviceToken(service, client), await serviceToken(service, client)];
    expect((await revoke(one.access_token)).status).toBe(200);
    expect((await introspect(service, client, one.access_token)).text).toBe('{"active":false}');
    expect((await introspect(service, client, two.access_token)).json()['active']).toBe(true);
    const verified = await service.get('/auth/verify', { bearer: one.access_token });
    expect(verified.status).toBe(401);
  });

  it('another client’s service token: 200 and no effect', async () => {
    const other = await createClient(service);
    const { access_token } = await serviceToken(service, other);
    expect((await revoke(access_token)).status).toBe(200);
    expect((await publicly(access_token)).status).toBe(200);
    expect((await introspect(service, other, access_token)).json()['active']).toBe(true);
  });

  it('wants a client, and a token', async () => {
    const { accessToken: token } = await service.register();
    for (const form of [{ token }, { token, client_id: 'nobody' }]) {
      expectOAuthError(await postForm(service, '/oauth/revoke', form), 401, 'invalid_client');
    }
    const wrong = basic({ ...client, clientSecret: 'wrong' });
    expectOAuthError(await revoke(token, wrong), 401, 'invalid_client');
    expect((await service.me(token)).status).toBe(200);
    const none = await postForm(service, '/oauth/revoke', FIRST_PARTY);
    expectOAuthError(none, 400, 'invalid_request');
  });
});

describeOnEachDatabase('The form of a request', (suite) => {
  let service: TestService;
  let client: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    client = await createClient(service);
  });

  describe.each(['/oauth/token', '/oauth/introspect', '/oauth/revoke'])('to %s', (path) => {
    const raw = (body: string | Buffer, headers: Record<string, string> = {}) =>
      postRaw(service, path, body, { ...basic(client), ...headers });

    it('a parameter that is there twice is invalid_request, known or not, equal or not', async () => {
      for (const body of [
        'grant_type=client_credentials&token=x&grant_type=client_credentials',
        'grant_type=client_credentials&token=x&token=y',
        'grant_type=client_credentials&token=x&any=1&any=1',
        'grant_type=client_credentials&token=x&grant%5Ftype=',
      ]) {
        expectOAuthError(await raw(body), 400, 'invalid_request');
      }
    });

    it.each([
      ['a broken escape', 'grant_type=client_credentials&token=%zz'],
      ['a cut escape', 'grant_type=client_credentials&token=%2'],
      ['no UTF-8, escaped', 'grant_type=client_credentials&token=%ff'],
      ['a surrogate, escaped', 'grant_type=client_credentials&token=%ed%a0%80'],
      ['NUL', 'grant_type=client_credentials&token=%00'],
    ])('%s is invalid_request', async (_name, body) => {
      expectOAuthError(await raw(body), 400, 'invalid_request');
    });

    it('bytes that are no UTF-8 are invalid_request', async () => {
      const body = Buffer.concat([Buffer.from('token='), Buffer.from([0xff])]);
      expectOAuthError(await raw(body), 400, 'invalid_request');
    });

    it.each([
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=latin1',
      'application/x-www-form-urlencodedx',
    ])('%s is 415', async (type) => {
      for (const body of ['{}', '{', 'token=x']) {
        expectOAuthError(await raw(body, { 'content-type': type }), 415, 'invalid_request');
      }
    });

    it('a body without a media type is 415, compressed 415, longer than 64 KiB 413', async () => {
      const bare = { headers: basic(client), raw: 'token=x' };
      expectOAuthError(await service.send('POST', path, bare), 415, 'invalid_request');
      const squeezed = await raw('token=x', { 'content-encoding': 'gzip' });
      expectOAuthError(squeezed, 415, 'invalid_request');
      expectOAuthError(await raw(`token=${'x'.repeat(65_536)}`), 413, 'invalid_request');
    });

    it('no body, and parameters in the query, are invalid_request', async () => {
      const query = `${path}?grant_type=client_credentials&token=x`;
      const answer = await service.send('POST', query, { headers: basic(client) });
      expectOAuthError(answer, 400, 'invalid_request');
    });

    it('another method is 405 with Allow', async () => {
      const answer = await service.get(path);
      expectOAuthError(answer, 405, 'invalid_request');
      expect(answer.header('allow')).toBe('POST');
    });

    it('parameters that nobody knows are left aside', async () => {
      const answer = await raw('grant_type=client_credentials&token=x&extra=1&__proto__=2&&=');
      expect(answer.status).toBe(200);
    });

    it('a charset of UTF-8 is fine', async () => {
      const type = 'application/x-www-form-urlencoded;charset=UTF-8';
      const body = 'grant_type=client_credentials&token=x';
      expect((await raw(body, { 'content-type': type })).status).toBe(200);
    });
  });

  it.each(['/auth/login', '/auth/login?next=/oauth/token'])(
    'elsewhere a form is 415 as ever: %s',
    async (path) => {
      const answer = await postForm(service, path, { email: 'x' });
      expectProblem(answer, 'unsupported_media_type');
    },
  );
});

describeOnEachDatabase('With HS256', (suite) => {
  it('tokens of services are given, introspected and verified all the same', async () => {
    const service = await suite.open({
      ACCESS_TOKEN_ALG: 'HS256',
      ACCESS_TOKEN_SECRET: 'a secret of the tests with more than 32 bytes',
    });
    const client = await createClient(service, { id: 'symmetric' });
    const { access_token } = await serviceToken(service, client);
    expect(decoded(access_token).header).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect((await introspect(service, client, access_token)).json()['active']).toBe(true);
    expect((await service.get('/auth/verify', { bearer: access_token })).status).toBe(200);
  });
});

describeOnEachDatabase('The metadata', (suite) => {
  it.each(['oauth-authorization-server', 'openid-configuration'])(
    '%s lists the endpoints',
    async (name) => {
      const service = await suite.open();
      const answer = await service.get(`/.well-known/${name}`);
      expect(answer.json()).toMatchObject({
        issuer: service.url,
        token_endpoint: `${service.url}/oauth/token`,
        token_endpoint_auth_methods_supported: [
          'client_secret_basic',
          'client_secret_post',
          'none',
        ],
        introspection_endpoint: `${service.url}/oauth/introspect`,
        introspection_endpoint_auth_methods_supported: [
          'client_secret_basic',
          'client_secret_post',
        ],
        revocation_endpoint: `${service.url}/oauth/revoke`,
        revocation_endpoint_auth_methods_supported: [
          'client_secret_basic',
          'client_secret_post',
          'none',
        ],
        grant_types_supported: ['client_credentials', 'refresh_token'],
        scopes_supported: ['users:read', 'users:write'],
        response_types_supported: [],
      });
    },
  );
});
