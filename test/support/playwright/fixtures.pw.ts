import { expect, test } from 'latchkey/testing/playwright';

// Run by test/e2e-examples.e2e-spec.ts, with a Chromium.

test('a worker has a Latchkey of its own, with latchkeyOptions', async ({ latchkey, request }) => {
  const answer = await request.post(`${latchkey.baseUrl}/auth/register`, {
    data: { email: 'ada@example.com', password: 'a fair wind and a steady hand' },
  });
  await expect(answer).toBeRefused('forbidden');
});

test('signedInPage belongs to signedInUser', async ({ latchkey, signedInPage: page }) => {
  await page.goto(`${latchkey.baseUrl}/docs`);
  const renewal = await page.request.post(`${latchkey.baseUrl}/auth/refresh`);
  await expect(renewal).toBeSignedIn({ name: 'Ada', roles: ['clerk'] });
});

test('signInAs with the body transport gives the browser nothing', async ({
  context,
  signInAs,
}) => {
  const { tokens } = await signInAs({ transport: 'body' });
  expect(tokens.refreshToken).toBeTruthy();
  expect(await context.cookies()).toEqual([]);
});

test('a page sees that an answer is lost, on a connection that it used before', async ({
  latchkey,
  signedInPage: page,
}) => {
  await page.goto(`${latchkey.baseUrl}/docs`);
  await latchkey.order({ route: 'POST /auth/refresh', kind: 'lose-answer' });
  const renew = () =>
    page.evaluate(async () => {
      const answer = await fetch('/auth/refresh', { method: 'POST' }).catch(() => undefined);
      return answer?.headers.get('refresh-outcome') ?? 'no answer';
    });
  expect([await renew(), await renew()]).toEqual(['no answer', 'replayed']);
});
