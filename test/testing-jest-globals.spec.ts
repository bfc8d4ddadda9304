import { expect, it } from '@jest/globals';
import 'latchkey/testing/jest-globals';

it('the matchers are there for those who import expect from @jest/globals', async () => {
  const refused = Response.json({ code: 'token_invalid' }, { status: 401 });
  await expect(refused).toBeRefused('token_invalid');
  await expect(refused).not.toBeRefused('token_missing');
  await expect(Response.json({})).toBeAccepted();
});
