import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { createVerifier, TokenError, type Verifier } from 'latchkey/resource-server/core';
import 'latchkey/testing/jest';
import { createTestLatchkey, latchkeyMatchers, type TestLatchkey } from 'latchkey/testing';
import request from 'supertest';

let latchkey: TestLatchkey;
let verifier: Verifier;
let orders: Server;
let ordersUrl: string;

/** A service that refuses with a challenge and no code of its own. */
beforeAll(async () => {
  latchkey = await createTestLatchkey();
  const { baseUrl } = latchkey;
  verifier = createVerifier({ issuer: baseUrl, audience: baseUrl });
  orders = createServer((incoming, response) => {
    const token = incoming.headers.authorization?.slice('Bearer '.length);
    verifier.verify(token, { roles: incoming.url === '/all' ? ['admin'] : [] }).then(
      () => response.end('fine'),
      (error: unknown) => {
        if (!(error instanceof TokenError)) throw error;
        response.writeHead(error.status, error.headers).end();
      },
    );
  }).listen(0, '127.0.0.1');
  await once(orders, 'listening');
  const address = orders.address();
  ordersUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(async () => {
  verifier.close();
  orders.closeAllConnections();
  orders.close();
  await latchkey.close();
});

const me = (headers: Record<string, string> = {}) =>
  fetch(`${latchkey.baseUrl}/users/me`, { headers });

/** What a matcher that does not hold says. */
async function complaint(assertion: Promise<void>): Promise<string> {
  const error: unknown = await assertion.then(
    () => new Error('it held'),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message : '';
}

describe('toBeRefused', () => {
  it('is 401 and 403, of fetch and of supertest', async () => {
    await expect(await me()).toBeRefused();
    await expect(await request(latchkey.baseUrl).get('/users/me')).toBeRefused();
    const { headers } = await latchkey.signInAs();
    await expect(await fetch(`${latchkey.baseUrl}/users`, { headers })).toBeRefused();
    await expect(await me(headers)).not.toBeRefused();
  });

  it('is no other trouble', async () => {
    const { headers } = await latchkey.signInAs();
    await latchkey.order({ route: 'GET /users/me', kind: 'unavailable' });
    await expect(await me(headers)).not.toBeRefused();
    await expect(await fetch(`${latchkey.baseUrl}/nothing`)).not.toBeRefused();
  });

  it('with a code is that code and no other', async () => {
    const { headers } = await latchkey.signInAs();
    await expect(await me()).toBeRefused('token_missing');
    await expect(await me()).not.toBeRefused('token_invalid');
    await expect(await me({ authorization: 'Bearer rubbish' })).toBeRefused('token_invalid');
    await expect(await request(latchkey.baseUrl).get('/users').set(headers)).toBeRefused(
      'forbidden',
    );
    await latchkey.order({ route: 'GET /users/me', kind: 'unavailable' });
    await expect(await me(headers)).toBeRefused('storage_unavailable');
  });

  it('with an error of OAuth is that of the body', async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    const answer = await fetch(`${latchkey.baseUrl}/oauth/token`, { method: 'POST', body });
    await expect(answer).toBeRefused('invalid_client');
  });

  it('understands the challenge of a service that sends no code', async () => {
    const { headers, tokens } = await latchkey.signInAs();
    const expired = await latchkey.spoil(tokens.accessToken, 'expired');
    await expect(await fetch(ordersUrl)).toBeRefused('token_missing');
    const authorization = `Bearer ${expired}`;
    await expect(await fetch(ordersUrl, { headers: { authorization } })).toBeRefused(
      'token_invalid',
    );
    await expect(await fetch(`${ordersUrl}/all`, { headers })).toBeRefused('forbidden');
    await expect(await fetch(ordersUrl, { headers })).not.toBeRefused();
  });

  it('says what came instead', async () => {
    const { headers } = await latchkey.signInAs();
    expect(await complaint(expect(await me(headers)).toBeRefused())).toBe(
      'Expected the answer to be refused; it is 200',
    );
    expect(await complaint(expect(await me()).toBeRefused('token_invalid'))).toBe(
      'Expected the answer to be refused with token_invalid; it is 401 · token_missing · An access token is required.',
    );
  });

  it('leaves the answer to be read', async () => {
    const answer = await me();
    await expect(answer).toBeRefused('token_missing');
    expect(await answer.json()).toMatchObject({ code: 'token_missing' });
    await expect(answer).toBeRefused();
  });

  it.each([undefined, null, 401, {}, me])('takes no %p for an answer', async (nothing) => {
    await expect(latchkeyMatchers.toBeRefused(nothing)).rejects.toThrow('Is an await missing?');
  });
});

it('toBeAccepted is 2xx', async () => {
  const { headers } = await latchkey.signInAs();
  await expect(await me(headers)).toBeAccepted();
  await expect(await me()).not.toBeAccepted();
  await expect(await fetch(ordersUrl, { headers })).toBeAccepted();
});

describe('toBeSignedIn', () => {
  const login = (body: object) => request(latchkey.baseUrl).post('/auth/login').send(body);

  it('is a sign-in, of whom one expects', async () => {
    const { email, password, id } = await latchkey.createUser({ name: 'Ada', roles: ['admin'] });
    await expect(await login({ email, password })).toBeSignedIn();
    await expect(await login({ email, password })).toBeSignedIn({ id, roles: ['admin'] });
    await expect(await login({ email, password })).not.toBeSignedIn({ name: 'Grace' });
    await expect(await login({ email, password: 'not the right one' })).not.toBeSignedIn();
    await expect(await me((await latchkey.signInAs()).headers)).not.toBeSignedIn();
  });

  it('says no token', async () => {
    const { email, password } = await latchkey.createUser();
    const answer = await login({ email, password });
    const said = await complaint(expect(answer).not.toBeSignedIn());
    expect(said).toBe('Expected the answer not to be a sign-in; it is 200');
  });
});

it('toBeRenewed is a renewal, rotated or replayed', async () => {
  const { tokens } = await latchkey.signInAs();
  const { refreshToken } = tokens;
  const renew = () => request(latchkey.baseUrl).post('/auth/refresh').send({ refreshToken });
  await expect(await renew()).toBeRenewed('rotated');
  await expect(await renew()).toBeRenewed('replayed');
  await expect(await renew()).toBeRenewed();
  await expect(await renew()).not.toBeRenewed('rotated');
  await latchkey.revoke(tokens.sessionId);
  await expect(await renew()).not.toBeRenewed();
  await expect(await renew()).toBeRefused('refresh_token_invalid');
});
