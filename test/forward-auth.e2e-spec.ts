import { latchkey } from './support/cli.js';
import { type Answer, expectInvalid, expectProblem, someone, tokens } from './support/client.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { withBrokenSignature } from './support/jwt.js';
import { createClient, serviceToken } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const SCOPES = '{"user":["notes:read"],"admin":["notes:read","notes:write"]}';
const CHALLENGE = 'Bearer realm="latchkey"';
const BEYOND = `${CHALLENGE}, error="insufficient_scope"`;

describeOnEachDatabase('GET /auth/verify', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ ROLE_SCOPES: SCOPES });
  });
  const verify = (bearer: string, query = '') => service.get(`/auth/verify${query}`, { bearer });
  const identity = (answer: Answer) => ({
    subject: answer.header('x-auth-subject'),
    session: answer.header('x-auth-session'),
    roles: answer.header('x-auth-roles'),
    scope: answer.header('x-auth-scope'),
  });

  it('lets a user pass and says who it is, for HEAD too', async () => {
    const { accessToken, sessionId, user } = await service.register();
    for (const method of ['GET', 'HEAD']) {
      const answer = await service.send(method, '/auth/verify', { bearer: accessToken });
      expect([answer.status, answer.text]).toEqual([200, '']);
      expect(answer.header('cache-control')).toBe('no-store');
      expect(identity(answer)).toEqual({
        subject: user.id,
        session: sessionId,
        roles: 'user',
        scope: 'notes:read',
      });
    }
  });

  it('separates roles by commas and scopes by spaces', async () => {
    const { accessToken } = await service.registerAdmin();
    expect(identity(await verify(accessToken))).toMatchObject({
      roles: 'user,admin',
      scope: 'notes:read notes:write',
    });
  });

  it('without a token, with a dead one and with a garbled one: 401 with a challenge', async () => {
    const none = await service.get('/auth/verify');
    expectProblem(none, 'token_missing');
    expect(none.header('www-authenticate')).toBe(CHALLENGE);
    const { accessToken, refreshToken } = await service.register();
    const gone = await service.register();
    await service.post('/auth/logout', { refreshToken: gone.refreshToken });
    for (const token of [
      'garbage',
      withBrokenSignature(accessToken),
      `${refreshToken}`,
      gone.accessToken,
    ]) {
      const answer = await verify(token);
      expectProblem(answer, 'token_invalid');
      expect(answer.header('www-authenticate')).toBe(`${CHALLENGE}, error="invalid_token"`);
      expect(identity(answer).subject).toBeUndefined();
    }
  });

  it('a token that has expired gets 401', async () => {
    const clock = new MovableClock();
    const other = await suite.open({}, clock);
    const { accessToken } = await other.register();
    clock.advance('11m');
    expect((await other.get('/auth/verify', { bearer: accessToken })).status).toBe(401);
  });

  it.each([
    ['?role=user', 200],
    ['?role=admin', 403],
    ['?role=user&role=admin', 403],
    ['?role=nobody', 403],
    ['?scope=notes:read', 200],
    ['?scope=notes%3Aread', 200],
    ['?scope=notes:write', 403],
    ['?scope=notes:read&scope=notes:write', 403],
    ['?scope=notes:read%20notes:write', 403],
    ['?role=user&scope=notes:read', 200],
    ['?role=admin&scope=notes:read', 403],
    ['?role=user&scope=notes:write', 403],
  ])('with %s a user gets %i', async (query, status) => {
    const { accessToken } = await service.register();
    const answer = await verify(accessToken, query);
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expectProblem(answer, 'forbidden');
    expect(answer.header('www-authenticate')).toContain(BEYOND);
    expect(identity(answer).subject).toBeUndefined();
  });

  it('an administrator meets all of them', async () => {
    const { accessToken } = await service.registerAdmin();
    const query = '?role=user&role=admin&scope=notes:read&scope=notes:write';
    expect((await verify(accessToken, query)).status).toBe(200);
  });

  it('the refusal names the scopes that would do', async () => {
    const { accessToken } = await service.register();
    const answer = await verify(accessToken, '?scope=notes:write&scope=notes:read');
    expect(answer.header('www-authenticate')).toBe(`${BEYOND}, scope="notes:write notes:read"`);
  });

  it.each(['?role=', '?scope=', '?role', '?role=user&role=', '?scope=%20', '?role=a,b'])(
    '%s is 400: it would demand nothing, or what nobody can have',
    async (query) => {
      const { accessToken } = await service.register();
      const pointer = query.includes('role') ? '/role' : '/scope';
      expectInvalid(await verify(accessToken, query), pointer);
    },
  );

  it('a misspelt parameter is 400: it must not open a door', async () => {
    const { accessToken } = await service.register();
    expectInvalid(await verify(accessToken, '?roles=admin'), '');
  });

  it('lets a service pass, without a session', async () => {
    const client = await createClient(service, { scope: 'notes:read' });
    const { access_token } = await serviceToken(service, client);
    const answer = await verify(access_token, '?scope=notes:read');
    expect(answer.status).toBe(200);
    expect(identity(answer)).toEqual({
      subject: client.clientId,
      session: undefined,
      roles: '',
      scope: 'notes:read',
    });
    expectProblem(await verify(access_token, '?role=user'), 'forbidden');
    expectProblem(await verify(access_token, '?scope=notes:write'), 'forbidden');
  });

  it('a service’s token that is meant for others gets 401', async () => {
    const client = await createClient(service, { audience: 'https://elsewhere.example' });
    const { access_token } = await serviceToken(service, client);
    expectProblem(await verify(access_token), 'token_invalid');
  });

  it('a service that was deleted gets 401 at once', async () => {
    const client = await createClient(service);
    const { access_token } = await serviceToken(service, client);
    expect((await verify(access_token)).status).toBe(200);
    await latchkey(service.database.environment, ['clients', 'delete', client.clientId]);
    expectProblem(await verify(access_token), 'token_invalid');
  });

  it('takes the access cookie only where that is switched on, and not from another site', async () => {
    const on = await suite.open({ ACCESS_TOKEN_COOKIE: 'true' });
    const made = await on.post('/auth/register', someone({ transport: 'cookie' }));
    const { accessToken, sessionId } = tokens(made, 201);
    const cookie = `__Host-latchkey-access=${accessToken}`;
    const passed = await on.get('/auth/verify', { cookie });
    expect([passed.status, identity(passed).session]).toEqual([200, sessionId]);
    const headers = { 'sec-fetch-site': 'cross-site' };
    const crossed = await on.get('/auth/verify', { cookie, headers });
    expectProblem(crossed, 'cross_site_request');
    expect((await service.get('/auth/verify', { cookie })).status).toBe(401);
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'with the original %s and its path behind ours, as Envoy asks',
    async (method) => {
      const { accessToken, user } = await service.register();
      const path = '/auth/verify/orders/1?role=admin&any=%2F';
      const answer = await service.send(method, path, {
        bearer: accessToken,
        headers: { 'content-length': '0', 'content-type': 'text/xml' },
      });
      expect([answer.status, answer.text]).toEqual([200, '']);
      expect(identity(answer).subject).toBe(user.id);
      const withoutToken = method === 'OPTIONS' ? 200 : 401;
      expect((await service.send(method, path)).status).toBe(withoutToken);
      expect((await service.send(method, '/auth/verify/')).status).toBe(withoutToken);
    },
  );

  it.each(['/oauth/token', '/auth/refresh'])(
    'with somebody else’s %s behind ours, in our words',
    async (path) => {
      const answer = await service.send('POST', `/auth/verify/api${path}`);
      expectProblem(answer, 'token_missing');
      expect(answer.header('refresh-outcome')).toBeUndefined();
    },
  );

  it('another method is 405', async () => {
    const answer = await service.post('/auth/verify', {});
    expectProblem(answer, 'method_not_allowed');
    expect(answer.header('allow')).toBe('GET, HEAD, OPTIONS');
  });

  describe('a preflight, which bears no token', () => {
    const forwarded = { headers: { 'x-forwarded-method': 'OPTIONS' } };

    it.each([
      ['/auth/verify', 204],
      ['/auth/verify?role=admin', 204],
      ['/auth/verify/orders/1', 200],
    ])('passes as OPTIONS %s, with %i and no identity', async (path, status) => {
      const answer = await service.send('OPTIONS', path);
      expect(answer.status).toBe(status);
      expect(answer.header('x-auth-subject')).toBeUndefined();
    });

    it.each(['/auth/verify', '/auth/verify?role=admin'])(
      'passes at %s as the X-Forwarded-Method of a trusted proxy',
      async (path) => {
        const behind = await suite.open({ TRUST_PROXY: '127.0.0.1' });
        const answer = await behind.get(path, forwarded);
        expect(answer.status).toBe(204);
        expect(answer.header('x-auth-subject')).toBeUndefined();
      },
    );

    it('is not what a stranger says it is', async () => {
      expect((await service.get('/auth/verify', forwarded)).status).toBe(401);
      const behind = await suite.open({ TRUST_PROXY: '127.0.0.1' });
      for (const method of ['GET', 'POST', 'options, GET', '']) {
        const headers = { 'x-forwarded-method': method };
        expect((await behind.get('/auth/verify', { headers })).status).toBe(401);
      }
    });

    it('passes nowhere else', async () => {
      const behind = await suite.open({ TRUST_PROXY: '127.0.0.1' });
      expect((await behind.get('/users/me', forwarded)).status).toBe(401);
    });
  });
});
