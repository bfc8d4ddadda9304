/*
 * The timers of this package: Node's own, where there is a Node, so that a test that fakes timers does not stop what goes
 * on in the background.
 */
const { setTimeout, clearTimeout } =
  globalThis.process?.getBuiltinModule?.('node:timers') ?? globalThis;

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
