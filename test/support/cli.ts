import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { Environment } from './suite.js';

export const CLI = resolve('dist/cli/main.js');

/** How a command ended. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What a command needs beside the database: cheap hashes, and nothing of the tests' own environment. */
export function cliEnvironment(environment: Environment): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], BCRYPT_COST: '4', ...environment };
}

/** Runs the built command line. @param input goes to its standard input, which then ends. */
export async function latchkey(
  environment: Environment,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: tmpdir(),
    env: cliEnvironment(environment),
    stdio: 'pipe',
  });
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (outcome.stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (outcome.stderr += chunk.toString('utf8')));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  outcome.code = child.exitCode;
  return outcome;
}

/** The same for a command that must succeed with one JSON document. */
export async function latchkeyJson<Document>(
  environment: Environment,
  args: readonly string[],
  input?: string,
): Promise<Document> {
  const { code, stdout, stderr } = await latchkey(environment, [...args, '--json'], input);
  if (code !== 0) throw new Error(`latchkey ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Document;
}
