import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../configuration-error.js';
import type { LatchkeyConfig } from '../settings.js';

/**
 * The secrets that wrap the working keys, newest first. For SQLite without `LATCHKEY_SECRET` one is
 * made at the first start and kept beside the database, readable by its owner only. It is on disk before this
 * returns, because keys depend on it from then on.
 *
 * @param first whether there are no keys yet. If there are, a secret made now could not open them.
 * @throws ConfigurationError when the kept secret is gone or damaged.
 */
export function wrappingSecrets(config: LatchkeyConfig, first: boolean): readonly string[] {
  if (config.secret !== undefined) return config.secret;
  const file = keptSecretFile(config);
  return file === undefined ? [newSecret()] : [keptSecret(file, first)];
}

/** @returns undefined where no secret is kept: it is given, or goes with a database in memory. */
export function keptSecretFile({
  secret,
  databaseUrl,
}: Pick<LatchkeyConfig, 'secret' | 'databaseUrl'>): string | undefined {
  if (secret !== undefined || databaseUrl.kind !== 'sqlite') return undefined;
  if (databaseUrl.file === ':memory:') return undefined;
  return join(dirname(databaseUrl.file), 'latchkey.secret');
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function keptSecret(file: string, first: boolean): string {
  if (first && !existsSync(file)) writeOnce(file, newSecret());
  if (!existsSync(file)) {
    throw new ConfigurationError([`LATCHKEY_SECRET: the kept secret is gone, it was ${file}`]);
  }
  // Also where another process has made it just now and has not come to this yet.
  if (first) flushWithFolder(file);
  const secret = readFileSync(file, 'utf8').trim();
  if (Buffer.byteLength(secret) >= 32) return secret;
  throw new ConfigurationError([`LATCHKEY_SECRET: the kept secret is damaged, see ${file}`]);
}

/** Several processes may start at once: the first link wins, and everybody reads the winner's. */
function writeOnce(file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    flush(draft, 'r+');
    linkSync(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function flushWithFolder(file: string): void {
  flush(file, 'r+');
  // Windows opens no folders.
  if (process.platform !== 'win32') flush(dirname(file), 'r');
}

/** Waits until a file, or the names in a folder, are on disk. */
function flush(path: string, flags: 'r' | 'r+'): void {
  const opened = openSync(path, flags);
  try {
    fsyncSync(opened);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  } finally {
    closeSync(opened);
  }
}

/** Some network file systems flush no folders. */
function isUnsupported(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return error.code === 'EINVAL' || error.code === 'ENOTSUP';
}
