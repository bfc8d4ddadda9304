import { defineConfig } from '@playwright/test';
import type { LatchkeyWorkerFixtures } from 'latchkey/testing/playwright';

/** `npx playwright test -c examples/e2e/playwright` */
const { LATCHKEY_PORT = '3000', CONTROL_PORT = '3999', APP_PORT = '4000' } = process.env;
const { CHROMIUM, LATCHKEY_CONTROL_TOKEN: controlToken = 'known-to-tests-only' } = process.env;
const latchkeyUrl = `http://localhost:${LATCHKEY_PORT}`;
const appUrl = `http://localhost:${APP_PORT}`;

export default defineConfig<object, LatchkeyWorkerFixtures>({
  // One dev-server, one clock.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    baseURL: appUrl,
    latchkeyDevServer: { controlUrl: `http://127.0.0.1:${CONTROL_PORT}`, controlToken },
    // A Chromium of the system's, where Playwright's own is not installed.
    ...(CHROMIUM === undefined
      ? {}
      : { launchOptions: { executablePath: CHROMIUM, args: ['--no-sandbox'] } }),
  },
  webServer: [
    {
      command: `npx latchkey dev-server --port ${LATCHKEY_PORT} --control-port ${CONTROL_PORT}`,
      env: { LATCHKEY_CONTROL_TOKEN: controlToken, CORS_ORIGINS: appUrl },
      url: `${latchkeyUrl}/health/ready`,
      gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 },
    },
    {
      command: 'node ../app.js',
      env: { PORT: APP_PORT, LATCHKEY_URL: latchkeyUrl },
      url: appUrl,
    },
  ],
});
