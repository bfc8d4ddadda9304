import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/databases.js';
import { endProcesses, runToEnd, spawnService } from './support/process.js';

/** Notes what is flushed and linked, and fails at the flush of a path that ends as `FAIL_FLUSH_OF` says. */
const PRELOAD = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { openSync, fsyncSync, linkSync } = fs;
const paths = new Map();
const note = (what) => fs.appendFileSync(process.env.NOTES, what + '\\n');
fs.openSync = (path, ...rest) => {
  const file = openSync(path, ...rest);
  paths.set(file, String(path));
  return file;
};
fs.fsyncSync = (file) => {
  const path = paths.get(file);
  if (new RegExp(process.env.FAIL_FLUSH_OF).test(path)) {
    throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  }
  fsyncSync(file);
  note('flush ' + path);
};
fs.linkSync = (from, to) => {
  linkSync(from, to);
  note('link ' + to);
};
syncBuiltinESMExports();
`;

/** @see contract §7: «made and kept in `./data` with mode 0600 for SQLite» */
describe('The secret that the first start makes', () => {
  let folder = '';
  let database: TestDatabase;
  beforeAll(async () => {
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'latchkey-secret-'));
    writeFileSync(join(folder, 'preload.mjs'), PRELOAD);
  });
  afterAll(async () => {
    await endProcesses();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const environment = (failing: string) => ({
    ...database.environment,
    NODE_OPTIONS: `--import ${pathToFileURL(join(folder, 'preload.mjs')).href}`,
    NOTES: join(folder, 'notes'),
    FAIL_FLUSH_OF: failing,
  });

  it.each([
    ['the file', 'latchkey\\.secret'],
    ['its name in the folder', 'latchkey-test-[^/]+$'],
  ])('is on disk before any key depends on it: %s', async (_what, failing) => {
    database = await createDatabase('sqlite');
    const { code, output } = await runToEnd(environment(failing));
    expect([code, output]).toEqual([1, expect.stringContaining('EIO')]);
    expect(await database.query('select id from keys')).toEqual([]);
    await database.drop();
  });

  it('is flushed before it gets its name, and the name after that', async () => {
    database = await createDatabase('sqlite');
    const service = await spawnService(environment('nothing'));
    await service.end('SIGTERM');
    const notes = readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n');
    const file = `${database.environment['DATABASE_URL']}`.replace('sqlite:', '');
    const secret = join(dirname(file), 'latchkey.secret');
    expect(notes.filter((note) => note.includes(dirname(file)))).toEqual([
      expect.stringMatching(/^flush .*latchkey\.secret\.\d+$/),
      `link ${secret}`,
      `flush ${secret}`,
      `flush ${dirname(file)}`,
    ]);
  });
});
