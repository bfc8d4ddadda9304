import { expectInvalid, expectProblem, type Renewed, renewed, tokens } from './support/client.js';
import { decoded } from './support/jwt.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const ORDERS = 'https://orders.example.com';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** @see contract §2, «Less» */
describeOnEachDatabase('A renewal that asks for less', (suite) => {
  let service: TestService;
  let publicUrl: string;
  beforeAll(async () => {
    publicUrl = (await suite.open()).url;
    service = await suite.open({
      PUBLIC_URL: publicUrl,
      ACCESS_TOKEN_AUDIENCE: `${publicUrl},${ORDERS}`,
      ROLE_SCOPES: JSON.stringify({ user: ['orders:read', 'orders:write'] }),
    });
  });

  const renew = (pair: Renewed, less: object) =>
    service.post('/auth/refresh', { refreshToken: pair.refreshToken, ...less });
  const claimsOf = (token: string) => decoded(token).payload;
  const signUp = async () => renewed(await service.register());

  it('gets an access token with these scopes and without roles', async () => {
    const pair = await signUp();
    const narrowed = renewed(tokens(await renew(pair, { scope: 'orders:read' })));
    expect(claimsOf(narrowed.accessToken)).toMatchObject({ scope: 'orders:read', roles: [] });
    const next = renewed(tokens(await renew(narrowed, {})));
    expect(claimsOf(next.accessToken)).toMatchObject({
      scope: 'orders:read orders:write',
      roles: ['user'],
    });
  });

  it('gets an access token for one audience, which Latchkey itself then refuses', async () => {
    const pair = await signUp();
    const narrowed = renewed(tokens(await renew(pair, { audience: ORDERS })));
    expect(claimsOf(narrowed.accessToken)).toMatchObject({ aud: ORDERS, roles: ['user'] });
    expectProblem(await service.me(narrowed.accessToken), 'token_invalid');
    const verify = await service.get('/auth/verify', { bearer: narrowed.accessToken });
    expectProblem(verify, 'token_invalid');
    const own = renewed(tokens(await renew(narrowed, { audience: publicUrl })));
    expect((await service.me(own.accessToken)).status).toBe(200);
    const whole = renewed(tokens(await renew(own, {})));
    expect((await service.me(whole.accessToken)).status).toBe(200);
  });

  it.each([
    ['/scope', { scope: 'orders:read admin' }],
    ['/scope', { scope: '' }],
    ['/scope', { scope: 'a"b' }],
    ['/scope', { scope: ['orders:read'] }],
    ['/audience', { audience: 'https://elsewhere.example.com' }],
    ['/audience', { audience: '' }],
    ['/audience', { audience: [ORDERS] }],
  ])('is refused naming %s for %j, and consumes nothing', async (pointer, less) => {
    const pair = await signUp();
    const answer = await renew(pair, less);
    expectInvalid(answer, pointer);
    expect(answer.header('refresh-outcome')).toBe('rejected');
    const next = await renew(pair, {});
    expect([next.status, next.header('refresh-outcome')]).toEqual([200, 'rotated']);
  });

  it('is refused at sign-out, which knows no such members', async () => {
    const { refreshToken } = await signUp();
    expectInvalid(await service.post('/auth/logout', { refreshToken, scope: 'x' }), '/scope');
  });

  const oauth = (pair: Renewed, more: Record<string, string>) =>
    service.send('POST', '/oauth/token', {
      headers: FORM,
      raw: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'latchkey',
        refresh_token: pair.refreshToken,
        ...more,
      }).toString(),
    });

  it('gets the same at /oauth/token', async () => {
    const answer = await oauth(await signUp(), { scope: 'orders:read', audience: ORDERS });
    const { access_token: token } = answer.json<{ access_token: string }>();
    expect(claimsOf(token)).toMatchObject({ scope: 'orders:read', aud: ORDERS, roles: [] });
  });

  it.each([
    ['invalid_scope', { scope: 'admin' }],
    ['invalid_target', { audience: 'https://elsewhere.example.com' }],
  ])('is %s at /oauth/token for %j, and consumes nothing', async (error, more) => {
    const pair = await signUp();
    const answer = await oauth(pair, more);
    expect([answer.status, answer.json<{ error: string }>().error]).toEqual([400, error]);
    expect((await service.refresh(pair.refreshToken)).header('refresh-outcome')).toBe('rotated');
  });

  it('of an administrator opens no administration', async () => {
    const { id } = await service.registerAdmin();
    const { tokens: pair } = await service.kit.signInAs({ userId: id });
    const narrowed = tokens(
      await service.post('/auth/refresh', {
        refreshToken: pair.refreshToken,
        scope: 'orders:read',
      }),
    );
    expectProblem(await service.get('/users', { bearer: narrowed.accessToken }), 'forbidden');
    const verify = await service.get('/auth/verify?role=admin', { bearer: narrowed.accessToken });
    expectProblem(verify, 'forbidden');
  });
});

/** @see contract §4: «Administration asks the roles as they are now, not as the token has them.» */
describeOnEachDatabase('A change of roles', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  const setRoles = (id: string, roles: string[]) =>
    service.database.query(
      `update users set roles = '${JSON.stringify(roles)}' where id = '${id}'`,
    );

  it('closes administration to the token of a demoted administrator at once', async () => {
    const { id, accessToken: bearer } = await service.registerAdmin();
    expect((await service.get('/users', { bearer })).status).toBe(200);
    expect((await service.get('/auth/verify?role=admin', { bearer })).status).toBe(200);
    await setRoles(id, ['user']);
    const own = await service.patch(`/users/${id}`, { roles: ['user', 'admin'] }, { bearer });
    expectProblem(own, 'forbidden');
    expect(own.header('www-authenticate')).toContain('error="insufficient_scope"');
    expectProblem(await service.get('/users', { bearer }), 'forbidden');
    expectProblem(await service.get('/auth/verify?role=admin', { bearer }), 'forbidden');
  });

  it('opens administration to the token of a new administrator at once', async () => {
    const { user, accessToken: bearer } = await service.register();
    expectProblem(await service.get('/users', { bearer }), 'forbidden');
    await setRoles(user.id, ['user', 'admin']);
    expect((await service.get('/users', { bearer })).status).toBe(200);
    const verified = await service.get('/auth/verify?role=admin', { bearer });
    expect([verified.status, verified.header('x-auth-roles')]).toEqual([200, 'user,admin']);
  });
});

/** @see contract §2: «`exp − iat` no longer than `ACCESS_TOKEN_TTL`», «what a withdrawn key signed is refused at once» */
describeOnEachDatabase('An access token', (suite) => {
  it('that lives longer than ACCESS_TOKEN_TTL is refused', async () => {
    const long = await suite.openFresh({ ACCESS_TOKEN_TTL: '1h' });
    const { accessToken } = await long.register();
    const short = await suite.openOn(long.database, {
      PUBLIC_URL: long.url,
      ACCESS_TOKEN_TTL: '10m',
    });
    expect((await long.me(accessToken)).status).toBe(200);
    expectProblem(await short.me(accessToken), 'token_invalid');
  });

  it('that was accepted before is refused once its key is gone', async () => {
    const service = await suite.openFresh();
    const { accessToken, refreshToken } = renewed(await service.register());
    expect((await service.me(accessToken)).status).toBe(200);
    await service.kit.rotateSigningKey();
    await service.database.query(
      `delete from keys where id = '${String(decoded(accessToken).header['kid'])}'`,
    );
    await service.kit.rotateSigningKey();
    expectProblem(await service.me(accessToken), 'token_invalid');
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });

  it('is good with a session of its own user alone', async () => {
    const service = await suite.openFresh();
    const mine = renewed(await service.register());
    const hers = renewed(await service.register());
    await service.database.query(
      `update sessions set user_id = '${hers.user.id}' where id = '${mine.sessionId}'`,
    );
    expectProblem(await service.me(mine.accessToken), 'token_invalid');
  });
});
