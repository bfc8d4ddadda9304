import { expect, test } from 'latchkey/testing/playwright';

test('shows nothing to who has not signed in', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('status')).toHaveText('Signed out');
  await expect(page.getByRole('listitem')).toHaveCount(0);
});

test('shows the notes', async ({ signedInPage: page }) => {
  await page.goto('/');
  await expect(page.getByRole('listitem')).toHaveText(['Buy milk']);
});

test('says who is signed in', async ({ page, signInAs }) => {
  const { user } = await signInAs({ name: 'Ada', roles: ['user', 'admin'] });
  await page.goto('/');
  await expect(page.getByRole('status')).toHaveText(`Signed in as ${user.email}`);
});

test('stays signed in when the answer to a renewal is lost', async ({
  page,
  signInAs,
  latchkey,
}) => {
  const { user } = await signInAs();
  await latchkey.order({ route: 'POST /auth/refresh', kind: 'lose-answer' });
  const failed = page.waitForEvent('requestfailed', (request) => /refresh/.test(request.url()));
  await page.goto('/');
  await failed;
  await expect(page.getByRole('status')).toHaveText(`Signed in as ${user.email}`);
});

test('notices when the session was ended elsewhere', async ({ page, signInAs, latchkey }) => {
  const { user, tokens } = await signInAs();
  await page.goto('/');
  await expect(page.getByRole('status')).toHaveText(`Signed in as ${user.email}`);
  await latchkey.revoke(tokens.sessionId);
  await page.getByRole('button').click();
  await expect(page.getByRole('status')).toHaveText('Signed out');
});

test('its API, without a page', async ({ request, latchkey }) => {
  const { headers, user } = await latchkey.signInAs();
  const answer = await request.get('/notes', { headers });
  expect(await answer.json()).toMatchObject({ owner: user.id });
  await expect(await request.get('/notes')).toBeRefused('token_missing');
});

test('two people on two devices, with storageState', async ({ browser, latchkey }) => {
  const people = [];
  for (const name of ['Ada', 'Grace']) {
    const { user, storageState } = await latchkey.signInAs({ name, transport: 'cookie' });
    const context = await browser.newContext({ storageState });
    const page = await context.newPage();
    await page.goto('/');
    people.push({ user, page, context });
  }
  for (const { user, page, context } of people) {
    await expect(page.getByRole('status')).toHaveText(`Signed in as ${user.email}`);
    await context.close();
  }
});
