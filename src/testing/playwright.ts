import { expect as ofPlaywright, type Page, test as base } from '@playwright/test';
import { createTestLatchkey, type TestLatchkeyOptions } from './create-test-latchkey.js';
import { connectDevServer, type DevServer, type DevServerAddress } from './dev-server-client.js';
import { latchkeyMatchers } from './matchers.js';
import type { SignedIn, WhoToSignIn } from './test-controls.js';

/** Playwright's, with the kit's matchers: `await expect(answer).toBeRefused()`. */
export const expect = ofPlaywright.extend(latchkeyMatchers);

/** Of each worker. */
export interface LatchkeyWorkerFixtures {
  /** Option: the dev-server to connect to. Without it each worker starts a Latchkey of its own. */
  latchkeyDevServer: DevServerAddress | undefined;
  /** Option: settings of the Latchkey that a worker starts. */
  latchkeyOptions: TestLatchkeyOptions;
  /** The controls, and where the service listens. */
  latchkey: DevServer;
}

/** Of each test. */
export interface LatchkeyFixtures {
  /**
   * Signs in with the cookie transport, and gives the cookies to the test's browser context, in which every
   * page is then signed in. Another `transport` gives the browser nothing.
   */
  signInAs: (who?: WhoToSignIn) => Promise<SignedIn>;
  /** Option: who `signedInPage` belongs to. Default: somebody new. */
  signedInUser: WhoToSignIn;
  /** A blank page of the test's context, in which `signedInUser` is signed in. */
  signedInPage: Page;
}

/**
 * Playwright's `test` with a Latchkey. The clock, the faults and the data are the worker's, not the test's:
 * a test that moves the clock or leaves a fault behind calls `latchkey.reset()`. Workers that share a
 * dev-server share these as well.
 */
export const test = base.extend<LatchkeyFixtures, LatchkeyWorkerFixtures>({
  latchkeyDevServer: [undefined, { scope: 'worker', option: true }],
  latchkeyOptions: [{}, { scope: 'worker', option: true }],
  latchkey: [
    async ({ latchkeyDevServer, latchkeyOptions }, use) => {
      if (latchkeyDevServer !== undefined) {
        await use(await connectDevServer(latchkeyDevServer));
        return;
      }
      const latchkey = await createTestLatchkey(latchkeyOptions);
      await use(latchkey);
      await latchkey.close();
    },
    { scope: 'worker' },
  ],
  signInAs: async ({ latchkey, context }, use) => {
    await use(async (who = {}) => {
      const signedIn = await latchkey.signInAs({ transport: 'cookie', ...who });
      await context.addCookies(signedIn.cookies);
      return signedIn;
    });
  },
  signedInUser: [{}, { option: true }],
  signedInPage: async ({ page, signInAs, signedInUser }, use) => {
    await signInAs(signedInUser);
    await use(page);
  },
});
