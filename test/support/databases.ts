import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

export type DatabaseKind = 'sqlite' | 'postgres';

/** A database for one suite. */
export interface TestDatabase {
  readonly kind: DatabaseKind;
  /** What a service needs to run on it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs one statement behind the service's back. @returns its rows. */
  query(statement: string): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/** PostgreSQL demands a secret that all nodes share; SQLite makes its own. */
export const SECRET = 'a secret of the tests that is long enough for anybody';

export function createDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === 'sqlite' ? createSqlite() : createPostgres(serverUrl());
}

async function createSqlite(): Promise<TestDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  const file = join(directory, 'latchkey.db');
  return {
    kind: 'sqlite',
    environment: { DATABASE_URL: `sqlite:${file}` },
    async query(statement) {
      const database = new BetterSqlite3(file, { timeout: 5_000 });
      try {
        const prepared = database.prepare<[], Record<string, unknown>>(statement);
        if (prepared.reader) return prepared.all();
        prepared.run();
        return [];
      } finally {
        database.close();
      }
    },
    async drop() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** @param server the URL of some database of the server. */
export async function createPostgres(server: string): Promise<TestDatabase> {
  const name = `latchkey_${randomBytes(6).toString('hex')}`;
  await ask(server, `create database ${name} ${await asElsewhere(server)}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const isolation = process.env['LATCHKEY_TEST_ISOLATION'];
  if (isolation !== undefined) {
    await ask(server, `alter database ${name} set default_transaction_isolation = '${isolation}'`);
  }
  const seen = new URL(url);
  seen.port = process.env['LATCHKEY_TEST_POOLER_PORT'] ?? url.port;
  return {
    kind: 'postgres',
    environment: { DATABASE_URL: seen.href, LATCHKEY_SECRET: SECRET },
    query: (statement) => ask(url.href, statement),
    async drop() {
      await ask(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/** Most databases out there sort texts as people do, not by their bytes; so does ours, where it can. */
async function asElsewhere(server: string): Promise<string> {
  const orders = await ask(server, `select 1 from pg_collation where collprovider = 'i' limit 1`);
  return orders.length > 0 ? `template template0 locale_provider icu icu_locale 'en-US'` : '';
}

async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

function serverUrl(): string {
  const url = process.env['LATCHKEY_TEST_POSTGRES'];
  if (url === undefined) throw new Error('the global setup has not run');
  return url;
}
