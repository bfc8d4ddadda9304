import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where servers are installed, which is not on everybody's `PATH`. */
const SERVERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** @returns the path of an executable file with that name, if there is one. */
export function findProgram(name: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return [...directories, ...SERVERS].map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * A group of tests that need a program which is not ours to bring. Where it is missing they are left
 * out, and a warning says so.
 *
 * @param rules gets the path of the program.
 * @throws Error under `REQUIRE_ALL=1`, where nothing may be left out.
 */
export function describeWithProgram(
  program: string,
  name: string,
  rules: (path: string) => void,
): void {
  const path = findProgram(program);
  if (path !== undefined) {
    describe(name, () => rules(path));
    return;
  }
  const missing = `${program} is not installed: «${name}» can't be tested`;
  if (process.env['REQUIRE_ALL'] === '1') throw new Error(missing);
  console.warn(missing);
  const { skip: leaveOut } = describe;
  leaveOut(name, () => rules(program));
}
