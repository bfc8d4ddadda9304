import { spawn } from 'node:child_process';
import { cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Layout, layOut, SETTINGS } from './support/installed.js';

const layouts: Layout[] = ['npm', 'npm, overridden', 'pnpm'];
const SPEC = 'test/fixtures/nest-11-jest/orders.ts';

/** What a new application of Nest 11 has in its package.json. */
const JEST = {
  moduleFileExtensions: ['js', 'json', 'ts'],
  testRegex: '.*\\.spec\\.ts$',
  transform: { '^.+\\.(t|j)s$': 'ts-jest' },
  testEnvironment: 'node',
  setupFilesAfterEnv: ['latchkey/testing/jest'],
};

it.each(layouts)(
  'The Jest of a CommonJS service on Nest 11, installed by %s, runs with the kit',
  async (layout) => {
    const root = layOut(layout);
    const modules = join(root, 'node_modules');
    for (const name of ['jest', 'ts-jest', 'typescript']) {
      symlinkSync(resolve('node_modules', name), join(modules, name));
    }
    symlinkSync(resolve('node_modules/@types/jest'), join(modules, '@types/jest'));
    const compilerOptions = { ...SETTINGS, types: ['node', 'jest'], isolatedModules: false };
    writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    writeFileSync(join(root, 'package.json'), JSON.stringify({ private: true, jest: JEST }));
    cpSync(SPEC, join(root, 'orders.spec.ts'));
    const { code, output } = await jestIn(root);
    expect(code === 0 ? '' : output).toBe('');
    expect(output).toContain('4 passed');
    rmSync(root, { recursive: true });
  },
  120_000,
);

async function jestIn(root: string): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const args = [join(root, 'node_modules/jest/bin/jest.js'), '--ci'];
  const jest = spawn(process.execPath, args, { cwd: root, env });
  const exit = new Promise<number | null>((done) => jest.on('close', done));
  const [stdout, stderr, code] = await Promise.all([text(jest.stdout), text(jest.stderr), exit]);
  return { code, output: stdout + stderr };
}
