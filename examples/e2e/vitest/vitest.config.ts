import { defineConfig } from 'vitest/config';

/** `npx vitest run --config examples/e2e/vitest/vitest.config.ts` */
export default defineConfig({
  root: import.meta.dirname,
  test: { setupFiles: ['latchkey/testing/vitest'], testTimeout: 30_000 },
});
