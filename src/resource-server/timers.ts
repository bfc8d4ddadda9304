/*
 * The timers of this package. Taken when it is loaded, so that a test that fakes timers later does not stop what goes on
 * in the background.
 */
const { setTimeout, clearTimeout } = globalThis;

/**
 * Calls back once. Keeps no process alive, where there is one.
 *
 * @param delay milliseconds.
 * @returns what takes it back.
 */
export function startTimer(delay: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delay);
  const node: { unref?(): void } = Object(timer);
  node.unref?.();
  return () => clearTimeout(timer);
}
