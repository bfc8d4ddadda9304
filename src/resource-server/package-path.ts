import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A file, which is not there, beside this package: what is found from there is what the application has itself. A
 * path, not `new URL(…, import.meta.url)`: bundlers take that for a file to bring along.
 */
export function besideThisPackage(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'none.js');
}
