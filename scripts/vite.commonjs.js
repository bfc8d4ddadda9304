/** How `src/resource-server` becomes CommonJS, for services that are: with `jose`, which is none, and without Nest. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'src', 'resource-server');

/** @type {import('vite').Plugin} */
const nestOfCommonJs = {
  name: 'nest-of-commonjs',
  enforce: 'pre',
  resolveId: (name) => (name === './own-nest.js' ? join(folder, 'own-nest-of-commonjs.ts') : null),
};

/** @type {import('vite').UserConfig} */
export default {
  root,
  publicDir: false,
  logLevel: 'warn',
  plugins: [nestOfCommonJs],
  ssr: { noExternal: ['jose'] },
  build: {
    ssr: true,
    target: 'node20',
    minify: false,
    emptyOutDir: false,
    rolldownOptions: {
      input: { index: join(folder, 'index.ts'), core: join(folder, 'core.ts') },
      output: {
        format: 'cjs',
        entryFileNames: '[name].cjs',
        chunkFileNames: 'shared.cjs',
      },
    },
  },
};
