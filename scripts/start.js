/** `npm start`: builds if needed, then runs the service in this process. */
import { ensureBuilt } from './build.js';

ensureBuilt();
await import('../dist/main.js');
