import { defineConfig } from 'vite';

/**
 * The browser's part of the pages. `latchkey/client` stays out of the bundle: the service serves it at
 * `/client.js`, beside the `assets/` that this build fills.
 */
export default defineConfig({
  base: './',
  logLevel: 'warn',
  publicDir: false,
  build: {
    target: 'es2022',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    license: true,
    rolldownOptions: {
      input: { main: 'main.tsx' },
      external: ['latchkey/client'],
      output: { paths: { 'latchkey/client': '../client.js' } },
    },
  },
});
