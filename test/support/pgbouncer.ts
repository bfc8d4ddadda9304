import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** A PgBouncer in front of a PostgreSQL server, with its defaults: session mode, 20 connections to a database. */
export class PgBouncer {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /**
   * @param program its path.
   * @param server URL of a database of the server.
   * @param settings further lines of its configuration.
   */
  static async start(program: string, server: string, settings = ''): Promise<PgBouncer> {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'));
    const port = await freePort();
    const { hostname, port: serverPort, username } = new URL(server);
    const file = join(folder, 'pgbouncer.ini');
    writeFileSync(join(folder, 'users.txt'), `"${username}" ""\n`);
    writeFileSync(
      file,
      `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, 'users.txt')}
${settings}
`,
    );
    chmodSync(folder, 0o755);
    const process = spawn(program, ['-q', file], { stdio: 'ignore', ...unprivileged() });
    const bouncer = new PgBouncer(process, folder, port);
    await bouncer.#listening();
    return bouncer;
  }

  async close(): Promise<void> {
    this.process.kill('SIGINT');
    if (this.process.exitCode === null) await once(this.process, 'exit');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (this.process.exitCode !== null) throw new Error('PgBouncer did not start');
      const socket = connect(this.port, '127.0.0.1');
      try {
        await once(socket, 'connect');
        return;
      } catch {
        await sleep(50);
      } finally {
        socket.destroy();
      }
    }
    throw new Error('PgBouncer did not answer');
  }
}

/** It refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}
