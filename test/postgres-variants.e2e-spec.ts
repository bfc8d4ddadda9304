import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import pg from 'pg';
import { expectProblem, renewed } from './support/client.js';
import { createPostgres, SECRET } from './support/databases.js';
import { until } from './support/issuer.js';
import { describeWithProgram } from './support/needs-program.js';
import { PgBouncer } from './support/pgbouncer.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import { endProcesses, runToEnd, spawnService } from './support/process.js';
import { Suite } from './support/suite.js';

/*
 * PostgreSQL as others run it: behind a pooler, with another isolation, in a schema. Whole suites run again in a process
 * of their own, on the same server.
 */

const server = (): string => `${process.env['LATCHKEY_TEST_POSTGRES']}`;

/** Runs these suites, their PostgreSQL half only. @returns what failed, if anything. */
async function runSuites(suites: readonly string[], environment: Record<string, string>) {
  const jest = resolve('node_modules/jest/bin/jest.js');
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn('node', [...flags, jest, ...suites, '-t', 'postgres', '--silent'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, failed: output.split('\n').filter((line) => /^\s+●/.test(line)) };
}

const PASSED = { code: 0, failed: [] };

/** @see contract §7, «database away»: «Any default isolation of the database» */
describe('On a database whose default isolation is', () => {
  it.each(['repeatable read', 'serializable'])(
    '%s, rotation, races, sign-in and limits are as everywhere',
    async (isolation) => {
      const suites = ['rotation.e2e', 'race.e2e', 'sign-up-and-sign-in', 'many-sessions'];
      const result = await runSuites(suites, { LATCHKEY_TEST_ISOLATION: isolation });
      expect(result).toEqual(PASSED);
    },
    300_000,
  );
});

/** @see contract §7, «database away»: «PgBouncer in session mode with its defaults» */
describeWithProgram('pgbouncer', 'Through PgBouncer', (program) => {
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await PgBouncer.start(program, server());
  });
  afterAll(async () => {
    await endProcesses();
    await bouncer.close();
  });

  it('in session mode, with its defaults, rotation and races are as everywhere', async () => {
    const suites = ['rotation.e2e', 'race.e2e'];
    const result = await runSuites(suites, { LATCHKEY_TEST_POOLER_PORT: String(bouncer.port) });
    expect(result).toEqual(PASSED);
  }, 300_000);

  it('the service starts, migrates and keeps its limits', async () => {
    const database = await createPostgres(server());
    const url = new URL(`${database.environment['DATABASE_URL']}`);
    url.port = String(bouncer.port);
    const service = await spawnService({ ...database.environment, DATABASE_URL: url.href });
    const { accessToken } = await service.register();
    expect((await service.me(accessToken)).status).toBe(200);
    await service.end('SIGTERM');
    await database.drop();
  });
});

/** @see contract §7, «database away»: «every URL that `pg` takes will do» */
describe('A schema in DATABASE_URL', () => {
  afterAll(() => endProcesses());

  it('is made, holds all tables, and leaves other schemas alone', async () => {
    const database = await createPostgres(server());
    await database.query('create table public.kysely_migration (of_somebody_else int)');
    const url = `${database.environment['DATABASE_URL']}?schema=auth`;
    const environment = { ...database.environment, DATABASE_URL: url };
    const service = await spawnService({ ...environment, PUBLIC_URL: 'http://latchkey.example' });
    const person = await service.register();
    await service.end('SIGTERM');
    const tables = await database.query(
      `select schemaname, tablename from pg_tables where schemaname in ('auth', 'public')`,
    );
    const outside = tables.filter(({ schemaname }) => schemaname === 'public');
    expect(outside.map(({ tablename }) => tablename)).toEqual(['kysely_migration']);
    expect(tables.map(({ tablename }) => tablename)).toEqual(
      expect.arrayContaining(['users', 'sessions', 'keys']),
    );
    const again = await spawnService({ ...environment, PUBLIC_URL: 'http://latchkey.example' });
    expect((await again.refresh(renewed(person).refreshToken)).status).toBe(200);
    await again.end('SIGTERM');
    await database.drop();
  });

  it('that is none is refused by name, without the value', async () => {
    const { code, output } = await runToEnd({
      LATCHKEY_SECRET: SECRET,
      DATABASE_URL: 'postgres://latchkey@127.0.0.1/latchkey?schema=a-b',
    });
    expect(code).toBe(78);
    expect(output).toContain('DATABASE_URL must name one schema');
    expect(output).not.toContain('a-b');
  });
});

describe('A database that can’t hold every text', () => {
  it('is refused with its encoding', async () => {
    const database = await createPostgres(server());
    await database.query(
      `create database latin_${process.pid} template template0 encoding 'LATIN1' locale 'C'`,
    );
    const url = new URL(`${database.environment['DATABASE_URL']}`);
    url.pathname = `/latin_${process.pid}`;
    const { code, output } = await runToEnd({ ...database.environment, DATABASE_URL: url.href });
    expect([code, output]).toEqual([78, expect.stringContaining('LATIN1')]);
    await database.query(`drop database latin_${process.pid}`);
    await database.drop();
  });
});

/** @see contract §7, «database away»: «a switchover that leaves old connections read-only» */
describe('After a switchover that leaves old connections open and read-only', () => {
  it('renewals go on within 10 s, nobody is signed out, and readiness tells the truth meanwhile', async () => {
    const cluster = await PostgresCluster.create();
    const suite = new Suite('postgres');
    const database = await createPostgres(cluster.url());
    const name = new URL(`${database.environment['DATABASE_URL']}`).pathname.slice(1);
    const administer = (...statements: string[]) =>
      asAdministrator(cluster.url(), ['set default_transaction_read_only = off', ...statements]);
    try {
      const service = await suite.openOn(database);
      const people = await Promise.all(Array.from({ length: 12 }, () => service.register()));
      expect((await service.get('/health/ready')).status).toBe(200);

      await administer(
        'alter system set default_transaction_read_only = on',
        'select pg_reload_conf()',
      );
      await until(async () => (await service.get('/health/ready')).status === 503, 10);
      const refused = await service.refresh(renewed(people[0] ?? fail()).refreshToken);
      expectProblem(refused, 'storage_unavailable');

      await administer(`alter database ${name} set default_transaction_read_only = off`);
      const renewals = await Promise.all(
        people.map((one) => service.refresh(renewed(one).refreshToken)),
      );
      expect(new Set(renewals.map(({ status }) => status))).toEqual(new Set([200]));
      await until(async () => (await service.get('/health/ready')).status === 200, 10);
    } finally {
      await suite.end();
      await cluster.destroy();
    }
  }, 60_000);
});

function fail(): never {
  throw new Error('nobody has registered');
}

async function asAdministrator(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
