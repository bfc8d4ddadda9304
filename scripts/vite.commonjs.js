/** How the kits for services and their tests become CommonJS: with `jose`, which is none, and without Nest. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src');
const START = './start-latchkey.js';
const license = readFileSync(join(root, 'node_modules', 'jose', 'LICENSE.md'), 'utf8');

/** @type {import('vite').Plugin} */
const nestOfCommonJs = {
  name: 'nest-of-commonjs',
  enforce: 'pre',
  resolveId: (name) =>
    name === './own-nest.js' ? join(source, 'resource-server', 'own-nest-of-commonjs.ts') : null,
};

/** Below `src`. */
const ENTRIES = [
  'resource-server/index',
  'resource-server/core',
  'testing/index',
  'testing/jest',
  'testing/jest-globals',
];

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
      input: Object.fromEntries(ENTRIES.map((name) => [name, join(source, `${name}.ts`)])),
      // The service itself is ES modules alone.
      external: (name) => name === START,
      output: {
        format: 'cjs',
        entryFileNames: '[name].cjs',
        chunkFileNames: 'commonjs/[name].cjs',
        banner: `/*! With parts of jose:\n${license}*/`,
      },
    },
  },
};
