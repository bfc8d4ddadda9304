/** `npm pack`: a package without `dist/` would be of no use. */
import { ensureBuilt } from './build.js';

ensureBuilt();
