import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));

/** The worker with the kit and its dependency in one file, as a bundler for edge runtimes makes it. */
export default defineConfig({
  logLevel: 'error',
  resolve: {
    conditions: ['workerd', 'worker'],
    alias: {
      'latchkey/resource-server/core': path('../../../dist/resource-server/core.js'),
    },
  },
  build: { lib: { entry: path('worker.js'), formats: ['es'], fileName: 'worker' } },
});
