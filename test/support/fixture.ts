import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Client } from './client.js';

/** An application of test/fixtures as a process of its own, where nothing of Jest's stands between it and Node. */
export class Fixture extends Client {
  constructor(
    url: string,
    readonly child: ChildProcess,
  ) {
    super(url);
  }

  async end(): Promise<void> {
    this.hangUp();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/**
 * Starts a program and waits for its first line, which is the port that it listens on.
 *
 * @param file in test/fixtures, or absolute.
 */
export async function startFixture(file: string, ...args: readonly string[]): Promise<Fixture> {
  const child = spawn(process.execPath, [resolve('test/fixtures', file), ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const port = await new Promise<string>((ready, fail) => {
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      const line = /^(\d+)$/m.exec(output)?.[1];
      if (line !== undefined) ready(line);
    });
    child.once('exit', (code) => fail(new Error(`${file} ended with ${code}:\n${output}`)));
  });
  return new Fixture(`http://127.0.0.1:${port}`, child);
}
