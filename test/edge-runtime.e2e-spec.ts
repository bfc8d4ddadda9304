import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client, renewed } from './support/client.js';
import { freePort } from './support/free-port.js';
import { until } from './support/issuer.js';
import { Suite, type TestService } from './support/suite.js';

/** The configuration of workerd: one worker that may call services on this machine, and nothing of Node. */
function configuration(code: string, port: number, issuer: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${code}")],
  bindings = [(name = "ISSUER", text = "${issuer}")],
  compatibilityDate = "2026-01-01",
);
`;
}

/** @see contract, Packages: «`/core` on Web APIs alone: Node, edge runtimes, Deno, Bun» */
describe('The core of the resource-server kit in workerd', () => {
  const suite = new Suite('sqlite');
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-workerd-'));
  let service: TestService;
  let runtime: ChildProcess;
  let worker: Client;

  beforeAll(async () => {
    service = await suite.open({ ACCESS_TOKEN_AUDIENCE: 'orders' });
    const vite = resolve('node_modules/vite/bin/vite.js');
    const config = resolve('test/support/worker/vite.config.js');
    await promisify(execFile)('node', [vite, 'build', '--config', config, '--outDir', folder]);
    const port = await freePort();
    const file = join(folder, 'config.capnp');
    writeFileSync(file, configuration('worker.js', port, service.url));
    const program = resolve('node_modules/.bin/workerd');
    runtime = spawn(program, ['serve', file], { stdio: 'ignore', detached: true });
    worker = new Client(`http://127.0.0.1:${port}`);
    await until(async () => (await worker.get('/').catch(() => undefined)) !== undefined, 20);
  }, 60_000);

  afterAll(async () => {
    worker.hangUp();
    // What npm installs may be a script that starts the program: both are of one group.
    if (runtime.pid !== undefined && runtime.exitCode === null) {
      process.kill(-runtime.pid, 'SIGKILL');
      await once(runtime, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
    await suite.end();
  });

  it('verifies a token, with its status list, where nothing of Node is there', async () => {
    const { accessToken, user } = await service.register();
    const answer = await worker.get('/', { bearer: accessToken });
    expect(answer.json()).toEqual({ sub: user.id, lists: 1, hasNode: false });
  });

  it('refuses no token, a garbled one and one whose session has ended', async () => {
    const missing = await worker.get('/');
    expect([missing.status, missing.json()]).toEqual([401, { code: 'token_missing' }]);
    const { accessToken, refreshToken } = renewed(await service.register());
    const garbled = await worker.get('/', { bearer: `${accessToken.slice(0, -4)}AAAA` });
    expect([garbled.status, garbled.json()]).toEqual([401, { code: 'token_invalid' }]);
    await service.post('/auth/logout', { refreshToken });
    await until(async () => (await worker.get('/', { bearer: accessToken })).status === 401);
  });
});
