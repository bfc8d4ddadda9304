import { createTestLatchkey } from 'latchkey/testing';
import request from 'supertest';
import { afterAll, expect, it } from 'vitest';
import { createApp } from '../app.js';

const latchkey = await createTestLatchkey();
const { baseUrl, clock } = latchkey;
const app = createApp({ issuer: baseUrl, audience: baseUrl, clock });

afterAll(() => latchkey.close());

it('gives everybody his own notes', async () => {
  const ada = await latchkey.signInAs();
  const { body } = await request(app).get('/notes').set(ada.headers).expect(200);
  expect(body.owner).toBe(ada.user.id);
});

it('refuses who has no token', async () => {
  await expect(await request(app).get('/notes')).toBeRefused('token_missing');
});

it('a renewal whose answer was lost is asked for again, and the session lives on', async () => {
  const { tokens } = await latchkey.signInAs();
  const renew = () =>
    request(baseUrl).post('/auth/refresh').send({ refreshToken: tokens.refreshToken });
  await latchkey.order({ route: 'POST /auth/refresh', kind: 'lose-answer' });
  await expect(renew()).rejects.toThrow('socket hang up');
  await expect(await renew()).toBeRenewed('replayed');
});
