/** `npm start`: builds if needed, then runs the service in this process. */
import { ensureBuilt } from './build.js';

const parent = process.ppid;
ensureBuilt();
await import('../dist/main.js');
if (process.env['npm_lifecycle_event'] === 'start') endWithParent();

/**
 * npm has a shell between itself and us, which does not always pass signals on: when npm alone is told to end, we
 * would stay behind and keep the port. Whoever tells all of us has told us already: a second signal would cut the
 * shutdown short.
 */
function endWithParent() {
  let told = false;
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => (told = true));
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    // A signal that came with the parent's end may still wait to be heard.
    setTimeout(() => told || process.kill(process.pid, 'SIGTERM'), 250);
  }, 250);
  watch.unref();
}
