import {
  type Answer,
  expectProblem,
  freshEmail,
  PASSWORD,
  type RequestHeaders,
  renewed,
  type SetCookie,
  someone,
  tokens,
} from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const REFRESH = '__Host-latchkey-refresh';
const ACCESS = '__Host-latchkey-access';
const MONTH = 30 * 24 * 60 * 60;

const cookieOf = (answer: Answer, name = REFRESH): SetCookie => {
  const cookie = answer.cookie(name);
  if (cookie === undefined) throw new Error(`no ${name} in ${answer.status} ${answer.text}`);
  return cookie;
};
const asCookie = ({ name, value }: SetCookie) => `${name}=${value}`;

/** Somebody new who is signed in by cookie. */
async function browser(service: TestService, headers: RequestHeaders = {}) {
  const registration = someone({ transport: 'cookie' });
  const answer = await service.post('/auth/register', registration, { headers });
  return { ...tokens(answer, 201), answer, cookie: asCookie(cookieOf(answer)) };
}

const refreshBy = (service: TestService, cookie: string, headers: RequestHeaders = {}) =>
  service.send('POST', '/auth/refresh', { cookie, headers });

describeOnEachDatabase('The cookie transport', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('sends the refresh token only in a cookie of the host alone', async () => {
    const { answer } = await browser(service);
    const { value, attributes } = cookieOf(answer);
    expect(attributes).toEqual({
      path: '/',
      secure: true,
      httponly: true,
      samesite: 'Strict',
      'max-age': String(MONTH),
    });
    expect(value).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(answer.text).not.toContain(value);
    const body = answer.json();
    expect(body).not.toHaveProperty('refreshToken');
    expect(body).toMatchObject({ tokenType: 'Bearer', refreshExpiresIn: MONTH });
    expect(answer.headers['set-cookie']).toHaveLength(1);
  });

  it('is chosen at sign-in as at registration', async () => {
    const email = freshEmail();
    await service.register({ email });
    const answer = await service.login({ email, password: PASSWORD, transport: 'cookie' });
    expect(answer.json()).not.toHaveProperty('refreshToken');
    await refreshBy(service, asCookie(cookieOf(answer))).then((renewal) => tokens(renewal));
  });

  it('is not the default', async () => {
    const answer = await service.post('/auth/register', someone({ transport: 'body' }));
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.json()).toHaveProperty('refreshToken');
  });

  it('renews by the cookie, which it replaces', async () => {
    const { cookie, sessionId } = await browser(service);
    const answer = await refreshBy(service, cookie);
    expect([answer.status, answer.header('refresh-outcome')]).toEqual([200, 'rotated']);
    expect(answer.json()).toMatchObject({ sessionId });
    expect(answer.json()).not.toHaveProperty('refreshToken');
    expect(asCookie(cookieOf(answer))).not.toBe(cookie);
    const retry = await refreshBy(service, cookie);
    expect(retry.header('refresh-outcome')).toBe('replayed');
    expect(cookieOf(retry).value).toBe(cookieOf(answer).value);
    await refreshBy(service, asCookie(cookieOf(answer))).then((renewal) => tokens(renewal));
  });

  it('finds its cookie among others', async () => {
    const { cookie } = await browser(service);
    const answer = await refreshBy(service, `theme=dark; ${cookie}; lang=en`);
    expect(answer.status).toBe(200);
  });

  it('never loses its cookie to a renewal that is refused', async () => {
    const { cookie } = await browser(service);
    await service.send('POST', '/auth/logout', { cookie });
    for (const dead of [cookie, `${REFRESH}=garbage`]) {
      const answer = await refreshBy(service, dead);
      expectProblem(answer, 'refresh_token_invalid');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('signs out by the cookie, and clears it', async () => {
    const { cookie, accessToken } = await browser(service);
    const answer = await service.send('POST', '/auth/logout', { cookie });
    expect(answer.status).toBe(204);
    const { value, attributes } = cookieOf(answer);
    expect(value).toBe('');
    expect(attributes).toMatchObject({ path: '/', secure: true, 'max-age': '0' });
    expectProblem(await refreshBy(service, cookie), 'refresh_token_invalid');
    expectProblem(await service.me(accessToken), 'token_invalid');
  });

  it.each(['dead', 'garbled'])('clears a %s cookie at sign-out as well', async (kind) => {
    const { cookie } = await browser(service);
    await service.send('POST', '/auth/logout', { cookie });
    const sent = kind === 'dead' ? cookie : `${REFRESH}=garbage`;
    const answer = await service.send('POST', '/auth/logout', { cookie: sent });
    expect([answer.status, cookieOf(answer).value]).toEqual([204, '']);
  });
});

describeOnEachDatabase('A session keeps the transport it was born with', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it('so the token of a cookie in a body is refused, consumes nothing and ends nothing', async () => {
    const { cookie, answer, accessToken } = await browser(service);
    const inBody = await service.refresh(cookieOf(answer).value);
    expectProblem(inBody, 'refresh_token_invalid');
    expect(inBody.header('refresh-outcome')).toBe('rejected');
    expect((await service.me(accessToken)).status).toBe(200);
    const renewal = await refreshBy(service, cookie);
    expect(renewal.header('refresh-outcome')).toBe('rotated');
  });

  it('so the token of a body in a cookie is refused, consumes nothing and ends nothing', async () => {
    const { refreshToken, accessToken } = renewed(await service.register());
    const inCookie = await refreshBy(service, `${REFRESH}=${refreshToken}`);
    expectProblem(inCookie, 'refresh_token_invalid');
    expect((await service.me(accessToken)).status).toBe(200);
    const renewal = await service.refresh(refreshToken);
    expect(renewal.header('refresh-outcome')).toBe('rotated');
  });

  it('also when what comes the other way has been replaced before', async () => {
    const { cookie, answer } = await browser(service);
    const second = asCookie(cookieOf(await refreshBy(service, cookie)));
    const third = asCookie(cookieOf(await refreshBy(service, second)));
    expectProblem(await service.refresh(cookieOf(answer).value), 'refresh_token_invalid');
    expect((await refreshBy(service, third)).header('refresh-outcome')).toBe('rotated');
  });

  it('and where body and cookie are both there the body counts', async () => {
    const { cookie } = await browser(service);
    const { refreshToken, sessionId } = renewed(await service.register());
    const answer = await service.post('/auth/refresh', { refreshToken }, { cookie });
    expect(tokens(answer).sessionId).toBe(sessionId);
    expect(answer.headers['set-cookie']).toBeUndefined();
    const garbage = await service.post('/auth/refresh', { refreshToken: 'x' }, { cookie });
    expectProblem(garbage, 'refresh_token_invalid');
    expect((await refreshBy(service, cookie)).header('refresh-outcome')).toBe('rotated');
  });
});

describeOnEachDatabase('An access token too large for a cookie', (suite) => {
  const LARGE = JSON.stringify({ user: Array.from({ length: 270 }, (_, at) => `scope:${at}`) });

  it('is not set as one, and the answer says so, at sign-in and at renewal', async () => {
    const service = await suite.open({ ACCESS_TOKEN_COOKIE: 'true', ROLE_SCOPES: LARGE });
    const person = someone({ transport: 'cookie' });
    const signedUp = await service.post('/auth/register', person);
    expect(signedUp.status).toBe(201);
    expect(signedUp.header('access-cookie')).toBe('too-large');
    expect(signedUp.cookie('__Host-latchkey-access')).toBeUndefined();
    const refresh = signedUp.cookie('__Host-latchkey-refresh')?.value;
    expect(refresh).toBeDefined();
    const cookie = `__Host-latchkey-refresh=${refresh}`;
    const renewed = await service.post('/auth/refresh', {}, { cookie });
    expect(renewed.status).toBe(200);
    expect(renewed.header('access-cookie')).toBe('too-large');
    expect(renewed.cookie('__Host-latchkey-access')).toBeUndefined();
  });

  it('is nothing to speak of with the body transport', async () => {
    const service = await suite.open({ ACCESS_TOKEN_COOKIE: 'true', ROLE_SCOPES: LARGE });
    const answer = await service.post('/auth/register', someone());
    expect(answer.header('access-cookie')).toBeUndefined();
  });

  it('is refused at the start where the scopes of one role are enough for it', async () => {
    const scopes = JSON.stringify({ user: Array.from({ length: 500 }, (_, at) => `scope:${at}`) });
    const environment = { ACCESS_TOKEN_COOKIE: 'true', ROLE_SCOPES: scopes };
    await expect(suite.open(environment)).rejects.toThrow('ROLE_SCOPES');
  });
});

describeOnEachDatabase('COOKIE_PREFIX', (suite) => {
  it('names the cookies, so that two installations on one host keep theirs apart', async () => {
    const environment = { ACCESS_TOKEN_COOKIE: 'true', COOKIE_PREFIX: 'shop' };
    const service = await suite.open(environment);
    const answer = await service.post('/auth/register', someone({ transport: 'cookie' }));
    expect(answer.cookie('__Host-shop-access')).toBeDefined();
    const token = answer.cookie('__Host-shop-refresh')?.value;
    const foreign = `__Host-latchkey-refresh=${token}`;
    const own = `__Host-shop-refresh=${token}`;
    expect((await service.post('/auth/refresh', {}, { cookie: foreign })).status).toBe(401);
    expect((await service.post('/auth/refresh', {}, { cookie: own })).status).toBe(200);
    const signedOut = await service.post('/auth/logout', {}, { cookie: own });
    expect(signedOut.cookie('__Host-shop-refresh')?.value).toBe('');
  });

  it('names them without __Host- where COOKIE_SECURE=false', async () => {
    const service = await suite.open({ COOKIE_SECURE: 'false', COOKIE_PREFIX: 'shop' });
    const answer = await service.post('/auth/register', someone({ transport: 'cookie' }));
    expect(answer.cookie('shop-refresh')).toBeDefined();
  });
});

describeOnEachDatabase('With ACCESS_TOKEN_COOKIE=true', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ ACCESS_TOKEN_COOKIE: 'true' });
  });

  it('the access token lies in a cookie of its own too', async () => {
    const { answer } = await browser(service);
    const { value, attributes } = cookieOf(answer, ACCESS);
    expect(attributes).toMatchObject({
      path: '/',
      secure: true,
      httponly: true,
      samesite: 'Strict',
    });
    expect(Number(attributes['max-age'])).toBeGreaterThan(0);
    const me = await service.get('/users/me', { cookie: `${ACCESS}=${value}` });
    expect(me.status).toBe(200);
  });

  it('each renewal replaces it, and the sign-out clears it', async () => {
    const { cookie, answer } = await browser(service);
    const renewal = await refreshBy(service, cookie);
    expect(cookieOf(renewal, ACCESS).value).not.toBe(cookieOf(answer, ACCESS).value);
    const next = asCookie(cookieOf(renewal));
    const out = await service.send('POST', '/auth/logout', { cookie: next });
    expect([cookieOf(out, ACCESS).value, cookieOf(out).value]).toEqual(['', '']);
  });

  it('an Authorization header counts before the cookie', async () => {
    const { answer } = await browser(service);
    const cookie = asCookie(cookieOf(answer, ACCESS));
    const { accessToken, user } = await service.register();
    const me = await service.get('/users/me', { cookie, bearer: accessToken });
    expect(me.json()).toMatchObject({ id: user.id });
    expectProblem(await service.get('/users/me', { cookie, bearer: 'garbage' }), 'token_invalid');
  });

  it('a session of the body transport gets no cookie', async () => {
    const answer = await service.post('/auth/register', someone());
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('a request that rides on it must not come from another site', async () => {
    const { answer } = await browser(service);
    const cookie = asCookie(cookieOf(answer, ACCESS));
    const from = (headers: RequestHeaders) =>
      service.patch('/users/me', { name: 'Mallory' }, { cookie, headers });
    expectProblem(await from({ origin: 'https://evil.example' }), 'cross_site_request');
    expectProblem(await from({ 'sec-fetch-site': 'cross-site' }), 'cross_site_request');
    const me = await service.get('/users/me', { cookie });
    expect(me.json()).toMatchObject({ name: null });
    expect((await from({ origin: service.url })).status).toBe(200);
  });
});

describe('The attributes of the cookies', () => {
  describeOnEachDatabase('follow the configuration', (suite) => {
    it('without it the access token has no cookie, and none is accepted', async () => {
      const service = await suite.open();
      const { accessToken, answer } = await browser(service);
      expect(answer.cookie(ACCESS)).toBeUndefined();
      const me = await service.get('/users/me', { cookie: `${ACCESS}=${accessToken}` });
      expectProblem(me, 'token_missing');
    });

    it('COOKIE_SECURE=false drops Secure and the prefix', async () => {
      const service = await suite.open({ COOKIE_SECURE: 'false', ACCESS_TOKEN_COOKIE: 'true' });
      const answer = await service.post('/auth/register', someone({ transport: 'cookie' }));
      for (const name of ['latchkey-refresh', 'latchkey-access']) {
        const { attributes } = cookieOf(answer, name);
        expect(attributes).not.toHaveProperty('secure');
        expect(attributes).toMatchObject({ path: '/', httponly: true, samesite: 'Strict' });
      }
      expect(answer.cookie(REFRESH)).toBeUndefined();
      const renewal = await refreshBy(service, asCookie(cookieOf(answer, 'latchkey-refresh')));
      expect(renewal.status).toBe(200);
    });

    it.each([
      ['lax', 'Lax'],
      ['none', 'None'],
      ['strict', 'Strict'],
    ])('COOKIE_SAME_SITE=%s', async (value, attribute) => {
      const service = await suite.open({ COOKIE_SAME_SITE: value });
      const { answer } = await browser(service);
      expect(cookieOf(answer).attributes).toMatchObject({ samesite: attribute, secure: true });
    });
  });
});

describeOnEachDatabase('The cross-site check', (suite) => {
  const APP = 'https://app.example.com';
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ CORS_ORIGINS: `${APP},https://other.example.com` });
  });

  /** The header sets, and whether they pass. `SELF` stands for the origin of PUBLIC_URL. */
  const table: [name: string, headers: Record<string, string>, passes: boolean][] = [
    ['neither Origin nor Sec-Fetch-Site', {}, true],
    ['the origin of PUBLIC_URL', { origin: 'SELF' }, true],
    [
      'the origin of PUBLIC_URL, whatever Sec-Fetch-Site says',
      { origin: 'SELF', 'sec-fetch-site': 'cross-site' },
      true,
    ],
    ['an origin in CORS_ORIGINS', { origin: APP }, true],
    [
      'an origin in CORS_ORIGINS, from its site',
      { origin: APP, 'sec-fetch-site': 'same-site' },
      true,
    ],
    ['Sec-Fetch-Site: same-origin', { 'sec-fetch-site': 'same-origin' }, true],
    ['Sec-Fetch-Site: none', { 'sec-fetch-site': 'none' }, true],
    ['another origin', { origin: 'https://evil.example' }, false],
    [
      'another origin that says same-origin',
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      false,
    ],
    ['Origin: null', { origin: 'null' }, false],
    ['an origin with the right beginning', { origin: `${APP}.evil.example` }, false],
    ['an origin over plain http', { origin: APP.replace('https', 'http') }, false],
    ['an origin with a port', { origin: `${APP}:8443` }, false],
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }, false],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }, false],
  ];
  const prepared = (headers: Record<string, string>) =>
    headers['origin'] === 'SELF' ? { ...headers, origin: service.url } : headers;

  describe.each(table)('with %s', (_name, wanted, passes) => {
    const verdict = passes ? 'passes' : 'refuses';

    it(`${verdict} a renewal by cookie`, async () => {
      const { cookie } = await browser(service);
      const answer = await refreshBy(service, cookie, prepared(wanted));
      if (passes) return expect(answer.status).toBe(200);
      expectProblem(answer, 'cross_site_request');
      expect(answer.header('refresh-outcome')).toBe('rejected');
      expect(answer.headers['set-cookie']).toBeUndefined();
      service.clock.advance('1m');
      const next = await refreshBy(service, cookie);
      expect(next.header('refresh-outcome')).toBe('rotated');
    });

    it(`${verdict} a sign-out by cookie`, async () => {
      const { cookie, accessToken } = await browser(service);
      const headers = prepared(wanted);
      const answer = await service.send('POST', '/auth/logout', { cookie, headers });
      if (passes) return expect(answer.status).toBe(204);
      expectProblem(answer, 'cross_site_request');
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect((await service.me(accessToken)).status).toBe(200);
    });

    it(`${verdict} a registration and a sign-in by cookie`, async () => {
      const headers = prepared(wanted);
      const registration = someone({ transport: 'cookie' });
      const signUp = await service.post('/auth/register', registration, { headers });
      const { email } = passes ? registration : (await service.register()).user;
      const credentials = { email, password: PASSWORD, transport: 'cookie' };
      const signIn = await service.post('/auth/login', credentials, { headers });
      if (passes) return expect([signUp.status, signIn.status]).toEqual([201, 200]);
      for (const answer of [signUp, signIn]) {
        expectProblem(answer, 'cross_site_request');
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
      await service.register({ email: `${registration.email}` });
    });
  });

  it('keeps another site’s form from clearing the cookie that it does not bring', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      const answer = await service.send('POST', '/auth/logout', { headers });
      expect([answer.status, answer.headers['set-cookie']]).toEqual([204, undefined]);
    }
  });

  it('does not judge what rides on no cookie', async () => {
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const registration = someone();
    const answer = await service.post('/auth/register', registration, { headers });
    const pair = renewed(tokens(answer, 201));
    const credentials = { email: registration.email, password: PASSWORD };
    expect((await service.post('/auth/login', credentials, { headers })).status).toBe(200);
    expect((await service.refresh(pair.refreshToken, headers)).status).toBe(200);
    const me = await service.get('/users/me', { bearer: pair.accessToken, headers });
    expect(me.status).toBe(200);
  });
});
