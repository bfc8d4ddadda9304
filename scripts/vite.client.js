/** How `src/client` becomes one file without imports: `latchkey/client`, and `/client.js` of the service. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {import('vite').UserConfig} */
export default {
  root,
  publicDir: false,
  logLevel: 'warn',
  build: {
    target: 'es2022',
    lib: { entry: join(root, 'src', 'client', 'index.ts'), formats: ['es'], fileName: 'index' },
    emptyOutDir: false,
    rolldownOptions: { output: { minify: true } },
  },
};
