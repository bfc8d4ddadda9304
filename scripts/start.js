/** `npm start`: builds if needed, then runs the service in this process. */
import { ensureBuilt } from './build.js';

endWithParent();
ensureBuilt();
await import('../dist/main.js');

/**
 * npm has a shell between itself and us, which does not always pass signals on: when npm is told to end, we would
 * stay behind and keep the port.
 */
function endWithParent() {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}
