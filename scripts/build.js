/**
 * Builds `dist/`. `ensureBuilt` does so only when `dist/` is absent or older than the sources; a package
 * that was installed without sources is never stale.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Compiles beside `dist/` and then swaps, so that a build that was broken off leaves nothing half-done. */
export function build() {
  const fresh = `${dist}.${process.pid}`;
  try {
    compile(fresh);
    bundleClient(join(fresh, 'client'));
    addCommonJs(fresh);
    run('vite/bin/vite.js', ['build', 'pages', '--outDir', join(fresh, 'pages', 'browser')]);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  chmodSync(join(fresh, 'cli', 'main.js'), 0o755);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

/** @param {string} folder */
function compile(folder) {
  run('typescript/bin/tsc', ['-p', 'tsconfig.json', '--outDir', folder, '--noEmitOnError']);
}

/**
 * The browser client is one file; of what the compiler made of it only the types stay. It is checked
 * against the types of a browser, without those of Node.
 *
 * @param {string} folder
 */
function bundleClient(folder) {
  run('typescript/bin/tsc', ['-p', 'src/client']);
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.d.ts')) rmSync(join(folder, file));
  }
  run('vite/bin/vite.js', ['build', '--config', 'scripts/vite.client.js', '--outDir', folder]);
}

/**
 * The kits for services and their tests as CommonJS, beside the ES modules.
 *
 * @param {string} folder
 */
function addCommonJs(folder) {
  rmSync(join(folder, 'resource-server', 'own-nest-of-commonjs.js'));
  run('vite/bin/vite.js', ['build', '--config', 'scripts/vite.commonjs.js', '--outDir', folder]);
  const declared = new Set();
  for (const entry of listed(folder).filter((file) => file.endsWith('.cjs'))) {
    declareCommonJs(join(folder, entry.replace(/\.cjs$/, '.d.ts')), declared);
  }
}

/**
 * The types of a module and of what they need, once more: TypeScript takes a declaration for that of CommonJS by
 * its name alone.
 *
 * @param {string} file
 * @param {Set<string>} declared
 */
function declareCommonJs(file, declared) {
  if (declared.has(file) || !existsSync(file)) return;
  declared.add(file);
  const text = readFileSync(file, 'utf8');
  const types = text.replaceAll(/(['"])(\.{1,2}\/[^'"]+)\.js\1/g, (_, quote, name) => {
    declareCommonJs(join(dirname(file), `${name}.d.ts`), declared);
    return `${quote}${name}.cjs${quote}`;
  });
  writeFileSync(file.replace(/\.ts$/, '.cts'), types);
}

/** @param {string} folder */
function listed(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' });
}

/**
 * Runs a program of `node_modules`; what it says goes to standard error.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
function run(program, args) {
  const file = join(root, 'node_modules', program);
  // Vite would build for development where NODE_ENV says test.
  const env = { ...process.env, NODE_ENV: 'production' };
  const options = { cwd: root, env, stdio: /** @type {const} */ (['ignore', 2, 2]) };
  if (spawnSync(process.execPath, [file, ...args], options).status !== 0) {
    throw new Error('The build failed');
  }
}

export function ensureBuilt() {
  if (!stale()) return;
  process.stderr.write('Building, which takes half a minute …\n');
  build();
}

function stale() {
  const entry = join(dist, 'main.js');
  if (!existsSync(entry)) return true;
  const sources = ['src', 'pages'].map((folder) => join(root, folder));
  if (!sources.every((folder) => existsSync(folder))) return false;
  const built = statSync(entry).mtimeMs;
  const files = sources.flatMap((folder) => listed(folder).map((file) => join(folder, file)));
  const inputs = [join(root, 'tsconfig.json'), ...files];
  return inputs.some((file) => statSync(file).mtimeMs > built);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) build();
