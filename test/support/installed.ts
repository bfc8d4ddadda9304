import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Packages of the application that are the same for everybody. */
const SHARED = ['rxjs', 'reflect-metadata', 'jose', 'ws', '@types/node', '@types/ws'];
const OF_NEST = [
  'common',
  'core',
  'microservices',
  'platform-express',
  'platform-ws',
  'websockets',
];

/**
 * How a package manager lays out an application on Nest 11 that depends on the package, which depends on Nest 12.
 * `npm` puts Nest 12 inside the package; `pnpm` beside it, in a store, where the application's can't be seen from;
 * with `npm, overridden` there is no Nest but the application's.
 */
export type Layout = 'npm' | 'npm, overridden' | 'pnpm';

/** A directory as an application on Nest 11 has it, with the package built, and not linked. */
export function layOut(layout: Layout): string {
  const root = mkdtempSync(join(tmpdir(), 'latchkey-nest-11-'));
  const modules = join(root, 'node_modules');
  const nest11 = resolve('test/fixtures/nest-11/node_modules');
  for (const name of SHARED) link(join(modules, name), resolve('node_modules', name));
  for (const part of OF_NEST) {
    link(join(modules, '@nestjs', part), join(nest11, '@nestjs', part));
  }
  const store = join(root, 'store', 'node_modules');
  const folder = join(layout === 'pnpm' ? store : modules, 'latchkey');
  cpSync('dist', join(folder, 'dist'), { recursive: true });
  cpSync('package.json', join(folder, 'package.json'));
  if (layout === 'npm') linkNest12(join(folder, 'node_modules'));
  if (layout === 'pnpm') {
    linkNest12(store);
    for (const part of ['microservices', 'websockets']) {
      link(join(store, '@nestjs', part), join(nest11, '@nestjs', part));
    }
    for (const name of SHARED) link(join(store, name), resolve('node_modules', name));
    link(join(modules, 'latchkey'), folder);
  }
  writeFileSync(join(root, 'package.json'), '{ "private": true }');
  return root;
}

function linkNest12(modules: string): void {
  for (const part of ['common', 'core']) {
    link(join(modules, '@nestjs', part), resolve('node_modules/@nestjs', part));
  }
}

function link(from: string, to: string): void {
  mkdirSync(dirname(from), { recursive: true });
  symlinkSync(to, from);
}

/** What a new application on Nest 11 has in its tsconfig.json. */
export const SETTINGS = {
  module: 'nodenext',
  target: 'ES2023',
  types: ['node'],
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  strict: true,
  skipLibCheck: true,
};

/** Compiles a source file to `main.mjs` or `main.cjs` there. @throws Error with what the compiler says. */
export function compile(root: string, source: string, format: 'mjs' | 'cjs'): void {
  const main = `main.${format.replace('js', 'ts')}`;
  cpSync(source, join(root, main));
  const settings = { compilerOptions: SETTINGS, files: [main] };
  writeFileSync(join(root, 'tsconfig.json'), JSON.stringify(settings));
  const compiler = resolve('node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', root], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stdout);
}
