import { type Answer, expectProblem, PASSWORD, someone, tokens } from './support/client.js';
import { describeOnEachDatabase, type Environment } from './support/suite.js';

const REFRESH = '__Host-latchkey-refresh';
const ACCESS = '__Host-latchkey-access';

/** What makes a browser forget a cookie that was set for the whole host. */
const FORGOTTEN = {
  value: '',
  attributes: { path: '/', secure: true, httponly: true, samesite: 'Strict', 'max-age': '0' },
};

/** @see contract §3: `DELETE /users/me`, and «With `cookie` the refresh token travels only in `__Host-latchkey-refresh=…`» */
describeOnEachDatabase('Whoever deletes the account', (suite) => {
  const inBrowser = async (environment: Environment = {}) => {
    const service = await suite.open(environment);
    const registered = await service.post('/auth/register', someone({ transport: 'cookie' }));
    const { accessToken } = tokens(registered, 201);
    expect(registered.cookie(REFRESH)?.value).toMatch(/./);
    const remove = (password: string): Promise<Answer> =>
      service.delete('/users/me', { bearer: accessToken, json: { password } });
    return { remove };
  };

  it('has no refresh cookie afterwards', async () => {
    const { remove } = await inBrowser();
    const answer = await remove(PASSWORD);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.cookie(REFRESH)).toMatchObject(FORGOTTEN);
    expect(answer.cookie(ACCESS)).toBeUndefined();
  });

  it('has no access cookie either, where there is one', async () => {
    const { remove } = await inBrowser({ ACCESS_TOKEN_COOKIE: 'true' });
    const answer = await remove(PASSWORD);
    expect(answer.status).toBe(204);
    expect(answer.cookie(REFRESH)).toMatchObject(FORGOTTEN);
    expect(answer.cookie(ACCESS)).toMatchObject({ value: '', attributes: { 'max-age': '0' } });
  });

  it('keeps the cookies as long as the password is not the right one', async () => {
    const { remove } = await inBrowser();
    const answer = await remove('not the right one');
    expectProblem(answer, 'reauthentication_required');
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });
});
