import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** More than any secret or file of keys needs; what goes on for ever, such as a device, is refused. */
const MAX_BYTES = 256 * 1024;
/** How long the other end of a pipe has to begin, and then to go on. */
const PIPE_WAIT_MS = 5_000;
const PIPE_POLL_MS = 20;

/**
 * Reads a small UTF-8 text from a regular file or from a pipe, as `<(pass show latchkey)` makes one. Blocks.
 *
 * @throws Error whose message follows a setting's name and repeats neither the path nor the content.
 */
export function readTextFile(path: string): string {
  const bytes = readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('holds what is no UTF-8 text');
  }
}

function readBytes(path: string): Buffer {
  const file = opened(path);
  try {
    const kind = fstatSync(file);
    if (kind.isDirectory()) throw new Error('is a directory');
    if (!kind.isFile() && !kind.isFIFO()) throw new Error('is neither a file nor a pipe');
    return readAll(file, kind.isFIFO());
  } finally {
    closeSync(file);
  }
}

/** Without waiting for a writer, as opening a pipe would. */
function opened(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(error);
  }
}

function readAll(file: number, isPipe: boolean): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  let patience = performance.now() + PIPE_WAIT_MS;
  while (total <= MAX_BYTES) {
    const chunk = readChunk(file);
    const isEnd = chunk !== undefined && chunk.length === 0;
    // A pipe without a writer reads as ended: whoever writes may still come.
    if (isEnd && (!isPipe || total > 0)) return Buffer.concat(chunks);
    if (chunk !== undefined && chunk.length > 0) {
      chunks.push(chunk);
      total += chunk.length;
      patience = performance.now() + PIPE_WAIT_MS;
    } else if (performance.now() > patience) {
      throw new Error('is a pipe into which nobody writes');
    } else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_POLL_MS);
    }
  }
  throw new Error(`is longer than ${MAX_BYTES / 1024} KiB`);
}

/** @returns undefined while a pipe has nothing. */
function readChunk(file: number): Buffer | undefined {
  const buffer = Buffer.alloc(16 * 1024);
  try {
    return buffer.subarray(0, readSync(file, buffer));
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return undefined;
    throw unreadable(error);
  }
}

function unreadable(error: unknown): Error {
  const why = hasCode(error, 'EACCES') ? 'may not be read by this user' : 'cannot be read';
  return new Error(why, { cause: error });
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
