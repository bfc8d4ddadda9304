/**
 * Builds `dist/`. `ensureBuilt` does so only when `dist/` is absent or older than the sources; a package
 * that was installed without sources is never stale.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Compiles beside `dist/` and then swaps, so that a build that was broken off leaves nothing half-done. */
export function build() {
  const fresh = `${dist}.${process.pid}`;
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [compiler, '-p', join(root, 'tsconfig.json'), '--outDir', fresh, '--noEmitOnError'];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error('The build failed');
  }
  chmodSync(join(fresh, 'cli', 'main.js'), 0o755);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

export function ensureBuilt() {
  if (stale()) build();
}

function stale() {
  const entry = join(dist, 'main.js');
  if (!existsSync(entry)) return true;
  const sources = join(root, 'src');
  if (!existsSync(sources)) return false;
  const built = statSync(entry).mtimeMs;
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  const inputs = [join(root, 'tsconfig.json'), ...files.map((file) => join(sources, file))];
  return inputs.some((file) => statSync(file).mtimeMs > built);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) build();
