import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from './client.js';
import { freePort } from './free-port.js';
import type { Environment } from './suite.js';

const MAIN = resolve('dist/main.js');

/** The built service as a process of its own, as an operator runs it. */
export class ServiceProcess extends Client {
  constructor(
    url: string,
    readonly child: ChildProcess,
    readonly output: { text: string },
    /** Where it runs. */
    readonly directory: string,
  ) {
    super(url);
  }

  /** @returns the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    this.hangUp();
    const exit = this.exited();
    this.child.kill(signal);
    return exit;
  }

  /** @returns the exit code, or the signal that ended it, once it has. */
  async exited(): Promise<number | string | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await once(this.child, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
    return this.child.exitCode ?? this.child.signalCode;
  }
}

/** Ends what a test left running. Call it in `afterAll`. */
export async function endProcesses(): Promise<void> {
  await Promise.all(running.splice(0).map((service) => service.end('SIGKILL')));
}

const running: ServiceProcess[] = [];

/** Starts a process and does not wait for it. */
export async function launch(environment: Environment): Promise<ServiceProcess> {
  const port = environment['PORT'] ?? String(await freePort());
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-process-'));
  const child = spawn(process.execPath, [MAIN], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: port,
      BCRYPT_COST: '4',
      RATE_LIMIT: 'off',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output.text += chunk.toString('utf8')));
  }
  const service = new ServiceProcess(`http://127.0.0.1:${port}`, child, output, directory);
  running.push(service);
  return service;
}

/** Starts a process and waits for the line with its address. */
export async function spawnService(environment: Environment): Promise<ServiceProcess> {
  const service = await launch(environment);
  const { port } = new URL(service.url);
  await new Promise<void>((ready, fail) => {
    const look = () => {
      if (new RegExp(`https?://[^\\s"]+:${port}\\b`).test(service.output.text)) ready();
    };
    service.child.stdout?.on('data', look);
    service.child.stderr?.on('data', look);
    service.child.once('exit', (code) => {
      fail(new Error(`the service ended with ${code}:\n${service.output.text}`));
    });
  });
  return service;
}

/** Runs a process that must end by itself. */
export async function runToEnd(
  environment: Environment,
): Promise<{ code: number | string | null; output: string }> {
  const service = await launch(environment);
  const code = await service.exited();
  return { code, output: service.output.text };
}
