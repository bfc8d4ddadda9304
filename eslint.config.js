import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

/** Which feature folders a folder may import from; `contract` is open to all. The design's arrows. */
const MAY_IMPORT = {
  contract: [],
  client: [],
  'resource-server': [],
  database: [],
  http: ['database'],
  tokens: ['keys', 'http'],
  keys: ['database', 'http'],
  passwords: ['database', 'keys', 'http'],
  sessions: ['database', 'tokens', 'keys', 'http'],
  challenges: ['database', 'keys'],
  revocation: ['database', 'http', 'keys', 'tokens', 'sessions'],
  users: ['database', 'http', 'passwords', 'sessions'],
  auth: ['database', 'http', 'keys', 'passwords', 'revocation', 'sessions', 'tokens', 'users'],
  oauth: ['auth', 'database', 'http', 'keys', 'sessions', 'tokens'],
  pages: ['http', 'keys', 'operations'],
};
const FOLDERS = [...Object.keys(MAY_IMPORT), 'operations', 'cli', 'testing'];

const borders = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: FOLDERS.filter((other) => ![folder, 'contract', ...allowed].includes(other)).map(
              (other) => `**/${other}/**`,
            ),
            message: `src/${folder} stands below that folder.`,
          },
        ],
      },
    ],
  },
}));

/** The test kit is no part of the service: only the command that is made of it loads it, when it is run. */
const kitBorder = (/** @type {string} */ nodes) => [
  'error',
  {
    selector: `:matches(${nodes})[source.value=/\\/testing\\//]`,
    message: 'src/testing must not be reachable from the service.',
  },
];
const STATIC_IMPORTS = 'ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration';
const kitBorders = [
  {
    files: ['src/**/*.ts'],
    ignores: ['src/testing/**'],
    rules: { 'no-restricted-syntax': kitBorder(`${STATIC_IMPORTS}, ImportExpression`) },
  },
  {
    files: ['src/cli/dev-server.command.ts'],
    rules: { 'no-restricted-syntax': kitBorder(STATIC_IMPORTS) },
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'data/', 'coverage/', 'node_modules/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      // On Node 20, exporting a key that one of these made may block the process for ever.
      'id-denylist': ['error', 'generateKeyPairSync', 'generateKeySync'],
    },
  },
  {
    // No pattern takes longer than linearly, because a stranger may choose what it is matched against.
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts', 'src/cli/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only config.ts reads the environment.' },
      ],
    },
  },
  {
    // Fake timers of a test that runs a Latchkey in its process must not stop it.
    files: ['src/**/*.ts'],
    ignores: ['src/client/**', 'src/resource-server/timers.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map((name) => ({
          name,
          message: 'Import it from node:timers; below src/resource-server, use timers.ts.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**', 'src/settings.ts'],
    rules: { 'max-lines-per-function': 'off', 'max-lines': 'off' },
  },
  {
    // Names and parameters of what is added to are the test runners'.
    files: ['src/testing/{jest,jest-globals,vitest}.ts'],
    rules: {
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'always' }],
    },
  },
  ...borders,
  ...kitBorders,
);
