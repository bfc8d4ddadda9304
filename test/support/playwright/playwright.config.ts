import { defineConfig } from '@playwright/test';
import type { LatchkeyFixtures, LatchkeyWorkerFixtures } from 'latchkey/testing/playwright';

/** Each worker starts a Latchkey of its own. */
export default defineConfig<LatchkeyFixtures, LatchkeyWorkerFixtures>({
  testMatch: '*.pw.ts',
  workers: 2,
  fullyParallel: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    latchkeyOptions: { REGISTRATION: 'closed' },
    signedInUser: { name: 'Ada', roles: ['clerk'] },
    launchOptions: { executablePath: process.env['CHROMIUM'] ?? '', args: ['--no-sandbox'] },
  },
});
