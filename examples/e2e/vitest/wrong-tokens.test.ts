import type { AddressInfo } from 'node:net';
import { createTestIssuer, type Defect, DEFECTS } from 'latchkey/testing';
import { afterAll, expect, it, vi } from 'vitest';
import { createApp } from '../app.js';

const issuer = await createTestIssuer({ audience: 'notes' });
const app = createApp({
  issuer: issuer.issuer,
  audience: 'notes',
  revocation: { pollInterval: 1 },
}).listen(0);
const notes = `http://localhost:${(app.address() as AddressInfo).port}/notes`;

afterAll(async () => {
  app.close();
  await issuer.close();
});

const get = (token: string) => fetch(notes, { headers: { authorization: `Bearer ${token}` } });

it('takes a good token', async () => {
  const answer = await get(issuer.token({ sub: 'ada' }));
  expect(await answer.json()).toMatchObject({ owner: 'ada' });
});

const atOnce = (Object.keys(DEFECTS) as Defect[]).filter((defect) => defect !== 'revoked');

it.each(atOnce)('refuses a token that is wrong: %s', async (defect) => {
  await expect(await get(issuer.token({ sub: 'ada' }, defect))).toBeRefused('token_invalid');
});

it('refuses the token of a session that has ended, once it has read the status list', async () => {
  const token = issuer.token({ sub: 'ada' }, 'revoked');
  await vi.waitFor(async () => expect(await get(token)).toBeRefused('token_invalid'), 10_000);
});
