import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { Sweeper } from '../src/database/sweeper.js';
import { PASSWORD, renewed } from './support/client.js';
import { SECRET, type TestDatabase } from './support/databases.js';
import { endProcesses, spawnService } from './support/process.js';
import { Suite } from './support/suite.js';

const NEW_SECRET = 'another secret of the tests which is long enough';

function fileOf({ environment }: TestDatabase): string {
  return `${environment['DATABASE_URL']}`.replace('sqlite:', '');
}

/** Looks into the database with its write-ahead log and whatever else is beside it, as a thief copies them. */
function isIn(database: TestDatabase, text: string): boolean {
  const file = fileOf(database);
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(basename(file)));
  return names.some((name) => readFileSync(join(dirname(file), name), 'latin1').includes(text));
}

/** @see contract §7: «secrets»; docs/operating.md */
describe('What is gone is gone from the files of SQLite', () => {
  const suite = new Suite('sqlite');
  afterEach(() => endProcesses());
  afterAll(() => suite.end());

  async function wrappedKeys(database: TestDatabase): Promise<string[]> {
    const rows = await database.query('select wrapped from keys');
    return rows.map(({ wrapped }) => String(wrapped));
  }

  async function rolledFrom(database: TestDatabase): Promise<string[]> {
    const first = await spawnService({ ...database.environment, LATCHKEY_SECRET: SECRET });
    await first.register();
    await first.end('SIGTERM');
    const old = await wrappedKeys(database);
    expect(old.length).toBeGreaterThanOrEqual(3);
    for (const key of old) expect(isIn(database, key)).toBe(true);
    return old;
  }
  const rolled = { LATCHKEY_SECRET: `${NEW_SECRET},${SECRET}` };

  it('keys under an old LATCHKEY_SECRET, once the new one is ready and after it has stopped', async () => {
    const database = await suite.freshDatabase();
    const old = await rolledFrom(database);
    const service = await spawnService({ ...database.environment, ...rolled });
    for (const key of old) expect(isIn(database, key)).toBe(false);
    expect(await service.end('SIGTERM')).toBe(0);
    for (const key of old) expect(isIn(database, key)).toBe(false);
  });

  it('also where another process has been reading meanwhile', async () => {
    const database = await suite.freshDatabase();
    const old = await rolledFrom(database);
    const reader = new BetterSqlite3(fileOf(database));
    reader.exec('begin');
    reader.prepare('select count(*) from keys').get();
    const starting = spawnService({ ...database.environment, ...rolled });
    while ((await wrappedKeys(database)).some((key) => old.includes(key))) await turn();
    reader.exec('commit');
    const service = await starting;
    for (const key of old) expect(isIn(database, key)).toBe(false);
    await service.end('SIGTERM');
    reader.close();
  });

  it('a deleted user’s address and name, after the next sweep', async () => {
    const service = await suite.openFresh();
    const email = 'somebody-who-leaves@example.com';
    const { accessToken } = renewed(await service.register({ email, name: 'Somebody Leaving' }));
    expect(isIn(service.database, email)).toBe(true);
    const gone = await service.delete('/users/me', {
      bearer: accessToken,
      json: { password: PASSWORD },
    });
    expect(gone.status).toBe(204);
    await service.kit.app.get(Sweeper, { strict: false }).sweep();
    expect(isIn(service.database, email)).toBe(false);
    expect(isIn(service.database, 'Somebody Leaving')).toBe(false);
  });

  it('a replaced user name, after a clean stop beside another process that has the file open', async () => {
    const database = await suite.freshDatabase();
    const service = await suite.openOn(database);
    const { accessToken } = await service.register({ username: 'former-name-of-mine' });
    const changed = await service.patch(
      '/users/me',
      { username: 'other' },
      { bearer: accessToken },
    );
    expect(changed.status).toBe(200);
    const other = new BetterSqlite3(fileOf(database));
    other.prepare('select count(*) from keys').get();
    await service.close();
    expect(existsSync(`${fileOf(database)}-wal`)).toBe(true);
    expect(isIn(database, 'former-name-of-mine')).toBe(false);
    other.close();
  });
});

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
