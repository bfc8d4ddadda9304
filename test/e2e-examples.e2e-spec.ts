import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DevServerProcess } from './support/dev-server.js';
import { freePort } from './support/free-port.js';
import { describeWithProgram } from './support/needs-program.js';
import type { Environment } from './support/suite.js';

const MINUTES = 60_000;

/** Runs a program to its end. @returns what it printed, once it has succeeded. */
async function run(
  command: readonly string[],
  environment: Environment = {},
  cwd?: string,
): Promise<string> {
  const [program = '', ...args] = command;
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NO_COLOR: '1',
    ...environment,
  };
  const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  }
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${command.join(' ')} failed:\n${output}`);
  return output;
}

const tool = (path: string, ...args: string[]) => [
  process.execPath,
  '--experimental-vm-modules',
  join('node_modules', path),
  ...args,
];

describe('examples/e2e', () => {
  it(
    'with Jest',
    async () => {
      const output = await run(
        tool('jest/bin/jest.js', '--config', 'examples/e2e/jest/jest.config.js'),
      );
      expect(output).toMatch(/^Tests: +4 passed, 4 total$/m);
    },
    2 * MINUTES,
  );

  it(
    'with Vitest: supertest, and wrong tokens of a test issuer',
    async () => {
      const output = await run(
        tool('vitest/vitest.mjs', 'run', '--config', 'examples/e2e/vitest/vitest.config.ts'),
      );
      expect(output).toMatch(/^ *Tests +22 passed \(22\)$/m);
    },
    2 * MINUTES,
  );
});

describeWithProgram('chromium', 'with Playwright', (chromium) => {
  const results = mkdtempSync(join(tmpdir(), 'latchkey-playwright-'));
  afterAll(() => rmSync(results, { recursive: true, force: true }));

  const playwright = (folder: string, environment: Environment) =>
    run(
      tool('@playwright/test/cli.js', 'test', '-c', folder, '--output', results, '--reporter=line'),
      { CHROMIUM: chromium, ...environment },
    );

  it(
    'examples/e2e, against a dev-server and an application that Playwright starts',
    async () => {
      const [latchkey, control, app] = [await freePort(), await freePort(), await freePort()];
      const output = await playwright('examples/e2e/playwright', {
        LATCHKEY_PORT: String(latchkey),
        CONTROL_PORT: String(control),
        APP_PORT: String(app),
      });
      expect(output).toMatch(/^ *7 passed/m);
      for (const port of [latchkey, control, app]) {
        await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
      }
    },
    4 * MINUTES,
  );

  it(
    'the fixtures, with a Latchkey in each worker',
    async () => {
      expect(await playwright('test/support/playwright', {})).toMatch(/^ *4 passed/m);
    },
    4 * MINUTES,
  );
});

describeWithProgram('curl', 'with curl', () => {
  describeWithProgram('jq', 'and jq', () => {
    let server: DevServerProcess;
    let folder: string;

    beforeAll(async () => {
      server = await DevServerProcess.start();
      folder = mkdtempSync(join(tmpdir(), 'latchkey-curl-'));
      writeFileSync(join(folder, 'dev-server.json'), server.output.stdout);
    });
    afterAll(async () => {
      await server.end();
      rmSync(folder, { recursive: true, force: true });
    });

    it('examples/e2e/curl.sh prints what docs/testing.md says', async () => {
      const script = resolve('examples/e2e/curl.sh');
      const output = await run(['bash', script, 'dev-server.json'], {}, folder);
      expect(readFileSync('docs/testing.md', 'utf8')).toContain(
        `$ examples/e2e/curl.sh dev-server.json\n${output}`,
      );
    });
  });
});
