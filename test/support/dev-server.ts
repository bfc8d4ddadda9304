import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { connectDevServer, type DevServer } from 'latchkey/testing';
import { CLI } from './cli.js';
import type { Environment } from './suite.js';

/** What `latchkey dev-server --json` prints. */
export interface Printed {
  baseUrl: string;
  controlUrl: string;
  controlToken: string;
}

/** A dev-server as a process of its own, on free ports. */
export class DevServerProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly output: { stdout: string; stderr: string },
  ) {}

  /**
   * Waits until it has printed where it is.
   *
   * @throws Error with what it said, when it ends instead.
   */
  static async start(
    environment: Environment = {},
    args: readonly string[] = ['--json'],
  ): Promise<DevServerProcess> {
    const child = spawn(process.execPath, [CLI, 'dev-server', '--port', '0', ...args], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('utf8')));
    await new Promise<void>((ready, fail) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output.stdout += chunk.toString('utf8');
        if (output.stdout.endsWith('\n')) ready();
      });
      child.once('exit', (code) => fail(new Error(`it ended with ${code}:\n${output.stderr}`)));
    });
    return new DevServerProcess(child, output);
  }

  /** What it printed with `--json`. */
  get printed(): Printed {
    return JSON.parse(this.output.stdout) as Printed;
  }

  connect(): Promise<DevServer> {
    return connectDevServer(this.printed);
  }

  /** @returns the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    }
    return child.exitCode ?? child.signalCode;
  }
}
