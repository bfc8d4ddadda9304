import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestLatchkey } from 'latchkey/testing';
import { createApp } from '../app.js';

let latchkey;
let app;
let notes;

beforeAll(async () => {
  latchkey = await createTestLatchkey();
  const { baseUrl, clock } = latchkey;
  app = createApp({ issuer: baseUrl, audience: baseUrl, clock }).listen(0);
  notes = `http://localhost:${app.address().port}/notes`;
});
afterAll(async () => {
  app.close();
  await latchkey.close();
});

it('gives everybody his own notes', async () => {
  const ada = await latchkey.signInAs();
  const answer = await fetch(notes, { headers: ada.headers });
  expect(await answer.json()).toEqual({ owner: ada.user.id, notes: ['Buy milk'] });
});

it('lets administrators alone delete them', async () => {
  const user = await latchkey.signInAs();
  const admin = await latchkey.signInAs({ roles: ['admin'] });
  const remove = ({ headers }) => fetch(notes, { method: 'DELETE', headers });
  await expect(await remove(user)).toBeRefused();
  await expect(await remove(admin)).toBeAccepted();
});

it('refuses who has no token', async () => {
  await expect(await fetch(notes)).toBeRefused('token_missing');
});

it('wants a new token after ten minutes, and the session gives one', async () => {
  const { headers, tokens } = await latchkey.signInAs();
  await latchkey.advance('11m');
  await expect(await fetch(notes, { headers })).toBeRefused('token_invalid');

  const renewal = await fetch(`${latchkey.baseUrl}/auth/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: tokens.refreshToken }),
  });
  await expect(renewal).toBeRenewed('rotated');
  const { accessToken } = await renewal.json();
  const authorization = `Bearer ${accessToken}`;
  await expect(await fetch(notes, { headers: { authorization } })).toBeAccepted();
});
