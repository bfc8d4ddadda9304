import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

/** From one module to another: files by their path under `src`, packages by their name. */
export interface Import {
  from: string;
  to: string;
  /** Loaded when it is called for: `import('…')`. */
  late: boolean;
}

const STATIC = /^(?:import|export)\s(?!type\b)(?:[^;']*?\sfrom\s)?'([^']+)'/gm;
const LATE = /\bimport\('([^']+)'\)/g;

/**
 * Every import that can be reached from a module, types left out.
 *
 * @param entry such as `main.ts`.
 * @param follow which ones to follow; default all.
 */
export function importsOf(entry: string, follow: (one: Import) => boolean = () => true): Import[] {
  const found: Import[] = [];
  const seen = new Set<string>();
  const waiting = [entry];
  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    if (seen.has(from)) continue;
    seen.add(from);
    const own = importsIn(from).filter(follow);
    found.push(...own);
    waiting.push(...own.map(({ to }) => to).filter(isFile));
  }
  return found;
}

/** What a module loads, at once or ever. */
export function loadedBy(entry: string, follow?: (one: Import) => boolean): Set<string> {
  return new Set(importsOf(entry, follow).map(({ to }) => to));
}

export function isFile(name: string): boolean {
  return name.endsWith('.ts');
}

function importsIn(from: string): Import[] {
  const text = readFileSync(resolve('src', from), 'utf8');
  const at = (name: string) =>
    name.startsWith('.')
      ? relative('src', resolve('src', dirname(from), name.replace(/\.js$/, '.ts')))
      : name;
  const all = (pattern: RegExp, late: boolean) =>
    [...text.matchAll(pattern)].map(([, name = '']) => ({ from, to: at(name), late }));
  return [...all(STATIC, false), ...all(LATE, true)];
}
