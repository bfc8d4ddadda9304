import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './client.js';
import { freePort } from './free-port.js';

export interface NginxOptions {
  /** The executable file. */
  program: string;
  /** A folder with `nginx.conf`, which includes `latchkey.conf`; it is copied. */
  folder: string;
  /** Instead of the folder's `latchkey.conf`; it listens on 127.0.0.1:8080, which becomes a free port. */
  settings: string;
}

/** An nginx of its own: prefix, port and all that it writes. Any user may start it. */
export class Nginx extends Client {
  private constructor(
    url: string,
    private readonly child: ChildProcess,
    private readonly prefix: string,
  ) {
    super(url);
  }

  /** @throws Error with what nginx said, if it does not start. */
  static async start(options: NginxOptions): Promise<Nginx> {
    const prefix = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'));
    cpSync(options.folder, prefix, { recursive: true });
    chmodSync(prefix, 0o700);
    const port = await freePort();
    const listen = ['listen 127.0.0.1:8080;', `listen 127.0.0.1:${port};`] as const;
    writeFileSync(join(prefix, 'latchkey.conf'), replaced(options.settings, [listen]));
    const args = ['-e', 'stderr', '-p', prefix, '-c', 'nginx.conf', '-g', globals()];
    const child = spawn(options.program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const nginx = new Nginx(`http://127.0.0.1:${port}`, child, prefix);
    try {
      await nginx.#ready();
    } catch (error) {
      await nginx.close();
      throw error;
    }
    return nginx;
  }

  async #ready(): Promise<void> {
    let output = '';
    let failure: Error | undefined;
    this.child.once('error', (error) => (failure = error));
    this.child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (failure !== undefined) throw failure;
      if (this.child.exitCode !== null) break;
      const answers = await this.get('/').catch(() => undefined);
      if (answers !== undefined) return;
      await sleep(50);
    }
    throw new Error(`nginx did not start:\n${output}`);
  }

  async close(): Promise<void> {
    this.hangUp();
    const { child } = this;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(this.prefix, { recursive: true, force: true });
  }
}

/** Workers run as whoever starts them: root's would otherwise run as a user who can't read the prefix. */
function globals(): string {
  const user = process.getuid?.() === 0 ? 'user root root;' : '';
  return `daemon off; worker_processes 1; ${user}`;
}

/** @throws Error for what is not there, or there more than once. */
export function replaced(
  settings: string,
  changes: readonly (readonly [from: string, to: string])[],
): string {
  let text = settings;
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`not there, or more than once: ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}
