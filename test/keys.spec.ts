import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { Logger } from '@nestjs/common';
import { calculateJwkThumbprint } from 'jose';
import pg from 'pg';
import { ConfigurationError, type LatchkeyOptions } from '../src/config.js';
import type { Database } from '../src/database/database.js';
import { StorageUnavailableError } from '../src/database/storage-error.js';
import { ROTATION_LEAD, ROTATION_PERIOD } from '../src/keys/key-stages.js';
import { KeyWrap } from '../src/keys/key-wrap.js';
import { StoredSigningKeys } from '../src/keys/stored-signing-keys.js';
import type { DatabaseUrl } from '../src/setting-values.js';
import { HandClock, type KeyNode, migrated, SECRET, startNode } from './support/keys.js';

const NEW_SECRET = 'another secret of the tests with over 32 bytes';
const MINUTE = 60_000;
const subject = {
  user: {
    id: 'u1',
    email: 'a@example.com',
    emailVerified: false,
    username: null,
    name: null,
    roles: ['user'],
  },
  session: { id: 's1', createdAt: 0 },
};

let directory: string;
let clock: HandClock;
let opened: Database[] = [];
const warnings = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-keys-'));
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  clock = new HandClock();
  warnings.mockClear();
});
afterEach(async () => {
  for (const database of opened) await database.close();
  opened = [];
});

let files = 0;
function file(): DatabaseUrl {
  files += 1;
  return { kind: 'sqlite', file: join(directory, `${files}.db`) };
}

async function postgres(): Promise<DatabaseUrl> {
  const url = new URL(process.env['LATCHKEY_TEST_POSTGRES'] ?? '');
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const name = `keys_${process.pid}_${(files += 1)}`;
  await client.query(`create database ${name}`);
  await client.end();
  url.pathname = `/${name}`;
  return { kind: 'postgres', url: url.href };
}

async function node(
  url: DatabaseUrl,
  options: LatchkeyOptions = {},
  time = clock,
): Promise<KeyNode> {
  const database = await migrated(url);
  opened.push(database);
  return startNode(database, time, options);
}

function stored(of: KeyNode): StoredSigningKeys {
  if (!(of.signing instanceof StoredSigningKeys)) throw new Error('These keys are fixed');
  return of.signing;
}

const stages = (of: KeyNode) => of.signing.list().map(({ stage }) => stage);
const kids = (of: KeyNode) => of.signing.jwks().keys.map(({ kid }) => kid);
const rows = (of: KeyNode) =>
  of.database.read((db) => db.selectFrom('keys').selectAll().orderBy('id').execute());

async function problemOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  return error instanceof ConfigurationError ? error.problems.join() : '';
}

const databases: [string, () => DatabaseUrl | Promise<DatabaseUrl>][] = [['SQLite', file]];
if (process.env['LATCHKEY_TEST_POSTGRES'] !== undefined) databases.push(['PostgreSQL', postgres]);

describe.each(databases)('on %s', (_name, database) => {
  it('nodes that start at once on an empty database agree on every key', async () => {
    const url = await database();
    opened.push(await migrated(url));
    const made = await Promise.all([1, 2, 3, 4].map(() => node(url)));
    for (const other of made) {
      expect(kids(other)).toEqual(kids(made[0] as KeyNode));
      expect(other.working.pepper()).toEqual(made[0]?.working.pepper());
      const refresh = other.working.refreshKey().export();
      expect(refresh).toEqual(made[0]?.working.refreshKey().export());
    }
    expect(await rows(made[0] as KeyNode)).toHaveLength(4);
    expect(made[0]?.working.pepper()).toHaveLength(48);
  });

  it('nodes that find a new key due at once publish one', async () => {
    const url = await database();
    opened.push(await migrated(url));
    const made = await Promise.all([1, 2, 3].map(() => node(url)));
    clock.move(ROTATION_PERIOD - ROTATION_LEAD);
    await Promise.all(made.map((one) => stored(one).tick()));
    await Promise.all(made.map((one) => stored(one).tick()));
    for (const one of made) expect(stages(one)).toEqual(['current', 'next']);
    expect(new Set(made.flatMap(kids)).size).toBe(2);
  });

  it('nodes may roll LATCHKEY_SECRET at once', async () => {
    const url = await database();
    const before = await node(url);
    const options = { secret: [NEW_SECRET, SECRET] };
    const after = await Promise.all([1, 2, 3].map(() => node(url, options)));
    for (const one of after) expect(one.working.pepper()).toEqual(before.working.pepper());
  });
});

describe('the stages of a key', () => {
  it('run by themselves: published, signing, only verifying, gone', async () => {
    const one = await node(file());
    const first = one.signing.current().kid;
    expect(stages(one)).toEqual(['current']);

    clock.move(ROTATION_PERIOD - ROTATION_LEAD - 1);
    await stored(one).tick();
    expect(stages(one)).toEqual(['current']);

    clock.move(1);
    await stored(one).tick();
    expect(stages(one)).toEqual(['current', 'next']);
    expect(kids(one)).toHaveLength(2);
    const second = kids(one).find((kid) => kid !== first);

    clock.move(ROTATION_LEAD - 1);
    expect(one.signing.current().kid).toBe(first);
    const lastToken = one.access.mint(subject).token;
    clock.move(1);
    expect(one.signing.current().kid).toBe(second);
    expect(stages(one)).toEqual(['previous', 'current']);

    // A token may be given up to 5 % less than its ten minutes.
    clock.move(9 * MINUTE);
    expect(one.access.verify(lastToken).sub).toBe('u1');
    clock.move(2 * MINUTE - 1);
    expect(kids(one)).toContain(first);
    clock.move(1);
    expect(kids(one)).toEqual([second]);
    expect(one.signing.find(first)).toBeUndefined();
    expect(await rows(one)).toHaveLength(5);
    await stored(one).tick();
    expect(await rows(one)).toHaveLength(4);
    expect(kids(one)).toEqual([second]);
  });

  it('a service that was off for a year publishes a key for its full lead first', async () => {
    const url = file();
    await node(url);
    clock.move(365 * 24 * 60 * MINUTE);
    const one = await node(url);
    await stored(one).tick();
    const [, next] = one.signing.list();
    expect(next?.stage).toBe('next');
    expect(next?.signsFrom?.getTime()).toBe(clock.now() + ROTATION_LEAD);
  });

  it('a clock that is set back goes on with the same key', async () => {
    const url = file();
    const one = await node(url);
    const kid = one.signing.current().kid;
    clock.move(-3_600_000);
    expect(one.signing.current().kid).toBe(kid);
    const restarted = await node(url);
    expect(restarted.signing.current().kid).toBe(kid);
    expect(await rows(one)).toHaveLength(4);
  });

  it('the objects stay the same while nothing changes', async () => {
    const one = await node(file());
    const [jwks, current] = [one.signing.jwks(), one.signing.current()];
    clock.move(5_000);
    await stored(one).tick();
    expect(one.signing.jwks()).toBe(jwks);
    expect(one.signing.current()).toBe(current);
  });
});

describe('rotate', () => {
  it('moves one stage with each call', async () => {
    const one = await node(file());
    const first = one.signing.current().kid;
    clock.move(1);
    const published = await one.signing.rotate();
    expect(published).toEqual({
      kid: expect.any(String),
      stage: 'next',
      signsFrom: new Date(clock.now() + ROTATION_LEAD),
    });
    expect(one.signing.current().kid).toBe(first);
    clock.move(300_000);
    const moved = await one.signing.rotate();
    expect(moved).toEqual({
      kid: published.kid,
      stage: 'current',
      signsFrom: new Date(clock.now()),
    });
    expect(one.signing.current().kid).toBe(published.kid);
    expect(stages(one)).toEqual(['previous', 'current']);
  });

  it('warns when others may not know the key yet', async () => {
    const one = await node(file());
    await one.signing.rotate();
    clock.move(299_000);
    expect((await one.signing.rotate()).warning).toMatch(/300 s/);
  });

  it('with now signs at once, as often as it is called, also within a millisecond', async () => {
    const one = await node(file());
    for (let round = 0; round < 4; round += 1) {
      const done = await one.signing.rotate({ now: true });
      expect(done).toMatchObject({ stage: 'current', warning: expect.any(String) });
      expect(one.signing.current().kid).toBe(done.kid);
      expect(kids(one)).toHaveLength(round + 2);
    }
  });

  it('with withdraw signs with a fresh key at once and drops all others, on every node', async () => {
    const url = file();
    const [one, two] = [await node(url), await node(url)];
    await one.signing.rotate();
    await stored(two).tick();
    const before = kids(two);
    expect(before).toHaveLength(2);
    const done = await one.signing.replaceAll();
    expect(done.stage).toBe('current');
    expect(before).not.toContain(done.kid);
    expect(kids(one)).toEqual([done.kid]);
    await stored(two).tick();
    expect(kids(two)).toEqual([done.kid]);
    for (const kid of before) expect(two.signing.find(kid)).toBeUndefined();
    expect(two.signing.current().kid).toBe(done.kid);
  });

  it('puts off the next one by itself', async () => {
    const one = await node(file());
    clock.move(ROTATION_PERIOD - MINUTE - ROTATION_LEAD);
    await one.signing.rotate({ now: true });
    clock.move(ROTATION_LEAD + MINUTE);
    await stored(one).tick();
    expect(stages(one)).not.toContain('next');
  });
});

describe('other nodes', () => {
  it('see a rotation with their next re-read, and keep the old key for its tokens', async () => {
    const url = file();
    const [one, two] = [await node(url), await node(url)];
    const old = two.access.mint(subject).token;
    const { kid } = await one.signing.rotate({ now: true });
    await stored(two).tick();
    expect(two.signing.current().kid).toBe(kid);
    expect(two.access.verify(old).sub).toBe('u1');
  });

  it('verify a key made a moment ago after at most one second', async () => {
    const url = file();
    const [one, two] = [await node(url), await node(url)];
    await two.signing.findFresh('x'.repeat(43));
    const { kid } = await one.signing.rotate({ now: true });
    expect(two.signing.find(kid)).toBeUndefined();
    const begun = performance.now();
    expect((await two.signing.findFresh(kid))?.kid).toBe(kid);
    expect(performance.now() - begun).toBeLessThan(1_500);
  });

  it('read the keys once a second at most, whatever kids are made up', async () => {
    const one = await node(file());
    const reads = jest.spyOn(one.database, 'read');
    const made = Array.from({ length: 900 }, (_, i) => String(i).padStart(43, 'x'));
    await Promise.all(made.map((kid) => one.signing.findFresh(kid)));
    expect(reads.mock.calls.length).toBe(1);
    const begun = performance.now();
    await Promise.all(made.map((kid) => one.signing.findFresh(kid)));
    expect(reads.mock.calls.length).toBe(2);
    expect(performance.now() - begun).toBeGreaterThan(900);
    await Promise.all(made.map((kid) => one.signing.findFresh(kid.slice(1))));
    for (const kid of made) one.signing.find(kid);
    expect(reads.mock.calls.length).toBe(2);
  });

  it('wait in bounded numbers', async () => {
    const one = await node(file());
    const all = Array.from({ length: 1_200 }, (_, i) =>
      one.signing.findFresh(String(i).padStart(43, 'x')),
    );
    const early = await Promise.race([
      all[1_100],
      new Promise((wake) => setTimeout(wake, 300, 'late')),
    ]);
    expect(early).toBeUndefined();
    await Promise.all(all);
  });
});

describe('while the database is away', () => {
  it('signing, verifying and the JWKS go on, and nobody is told a key does not exist', async () => {
    const one = await node(file());
    const token = one.access.mint(subject).token;
    const away = jest
      .spyOn(one.database, 'read')
      .mockRejectedValue(new StorageUnavailableError('gone'));
    await stored(one).tick();
    await stored(one).tick();
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(kids(one)).toHaveLength(1);
    expect(one.access.verify(token).sub).toBe('u1');
    expect(one.access.verify(one.access.mint(subject).token).sub).toBe('u1');
    await expect(one.signing.findFresh('x'.repeat(43))).rejects.toThrow(StorageUnavailableError);
    away.mockRestore();
    await one.signing.rotate({ now: true });
    expect(kids(one)).toHaveLength(2);
  });

  it('a published key still begins to sign when its time has come', async () => {
    const one = await node(file());
    const { kid } = await one.signing.rotate();
    jest.spyOn(one.database, 'read').mockRejectedValue(new StorageUnavailableError('gone'));
    clock.move(ROTATION_LEAD);
    expect(one.signing.current().kid).toBe(kid);
  });
});

describe('LATCHKEY_SECRET', () => {
  it('is rolled without losing a token or a password, and the old one may go', async () => {
    const url = file();
    const before = await node(url);
    const access = before.access.mint(subject).token;
    await node(url, { secret: [NEW_SECRET, SECRET] });
    const after = await node(url, { secret: [NEW_SECRET] });
    expect(after.working.pepper()).toEqual(before.working.pepper());
    expect(after.working.refreshKey().export()).toEqual(before.working.refreshKey().export());
    expect(after.signing.current().kid).toBe(before.signing.current().kid);
    expect(after.access.verify(access).sub).toBe('u1');
    expect(await rows(after)).toHaveLength(4);
  });

  it('that opens nothing stops the start, by name and without values', async () => {
    const url = file();
    await node(url);
    const problem = await problemOf(node(url, { secret: [NEW_SECRET] }));
    expect(problem).toBe('LATCHKEY_SECRET does not open the keys in this database');
    expect((await node(url)).working.pepper()).toHaveLength(48);
  });

  it('rolled elsewhere: a running node verifies with the new key and signs with the old', async () => {
    const url = file();
    const old = await node(url);
    const kid = old.signing.current().kid;
    const young = await node(url, { secret: [NEW_SECRET, SECRET] });
    await young.signing.rotate({ now: true });
    await stored(old).tick();
    expect(old.access.verify(young.access.mint(subject).token).sub).toBe('u1');
    expect(old.signing.current().kid).toBe(kid);
    expect(young.access.verify(old.access.mint(subject).token).sub).toBe('u1');
    expect(warnings).toHaveBeenCalledTimes(1);
    await expect(old.signing.rotate()).rejects.toThrow(/LATCHKEY_SECRET/);

    clock.move(20 * MINUTE);
    await stored(young).tick();
    await stored(old).tick();
    expect(kids(young)).not.toContain(kid);
    expect(old.signing.current().kid).toBe(kid);
    clock.move(ROTATION_PERIOD);
    await stored(old).tick();
    expect(await rows(old)).toHaveLength(4);
  });

  it('binds what it wraps to purpose and id', () => {
    const wrap = new KeyWrap([SECRET]);
    const wrapped = wrap.wrap({ id: 'a', purpose: 'refresh' }, Buffer.from('key'));
    expect(wrap.unwrap({ id: 'a', purpose: 'refresh' }, wrapped)?.toString()).toBe('key');
    expect(wrap.unwrap({ id: 'b', purpose: 'refresh' }, wrapped)).toBeUndefined();
    expect(wrap.unwrap({ id: 'a', purpose: 'signing' }, wrapped)).toBeUndefined();
    expect(
      wrap.unwrap({ id: 'a', purpose: 'refresh' }, { ...wrapped, wrapped: 'AAAA' }),
    ).toBeUndefined();
    expect(wrap.wrap({ id: 'a', purpose: 'refresh' }, Buffer.from('key'))).not.toEqual(wrapped);
  });

  it('and the keys themselves are not readable in the database', async () => {
    const one = await node(file());
    const text = JSON.stringify(await rows(one));
    const signing = one.signing.current().privateKey.export({ format: 'jwk' });
    expect(text).not.toContain(signing.d);
    expect(text).not.toContain(one.working.pepper().toString('base64url').slice(0, 20));
    expect(text).not.toContain(SECRET);
  });
});

describe('ACCESS_TOKEN_ALG', () => {
  it('changed signs with a new key at once; the old one verifies until its tokens have expired', async () => {
    const url = file();
    const before = await node(url);
    await before.signing.rotate();
    const token = before.access.mint(subject).token;
    const after = await node(url, { accessTokenAlg: 'PS256' });
    expect(after.signing.current().algorithm).toBe('PS256');
    expect(stages(after)).toEqual(['previous', 'current']);
    expect(after.access.verify(token).sub).toBe('u1');
    clock.move(11 * MINUTE);
    expect(after.signing.jwks().keys.map(({ alg }) => alg)).toEqual(['PS256']);
    await stored(after).tick();
    expect(await rows(after)).toHaveLength(4);
  });

  it('changed there and back makes a third key, which the others see', async () => {
    const url = file();
    const first = await node(url);
    clock.move(1_000);
    await node(url, { accessTokenAlg: 'ES384' });
    clock.move(1_000);
    const third = await node(url);
    expect(third.signing.current().kid).not.toBe(first.signing.current().kid);
    expect(stages(third)).toEqual(['previous', 'previous', 'current']);
  });

  it('a node whose keys were all deleted makes a new one', async () => {
    const one = await node(file());
    const kid = one.signing.current().kid;
    await one.database.write((db) =>
      db.deleteFrom('keys').where('purpose', '=', 'signing').execute(),
    );
    await stored(one).tick();
    expect(kids(one)).toHaveLength(1);
    expect(one.signing.current().kid).not.toBe(kid);
  });
});

describe('a kid', () => {
  it.each(['ES256', 'ES384', 'RS256'] as const)('of %s is the RFC 7638 thumbprint', async (alg) => {
    const [jwk] = (await node(file(), { accessTokenAlg: alg })).signing.jwks().keys;
    expect(jwk).toMatchObject({ alg, use: 'sig' });
    expect(jwk?.kid).toBe(await calculateJwkThumbprint(jwk as { kty: string }));
  });
});

describe('SIGNING_KEY_FILE', () => {
  const makePair = promisify(generateKeyPair);
  const pair = (namedCurve: string) => makePair('ec', { namedCurve });
  const pem = (key: KeyObject) =>
    key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString();

  function keyFile(...keys: (KeyObject | string)[]): string {
    const path = join(directory, `${(files += 1)}.pem`);
    writeFileSync(path, keys.map((key) => (typeof key === 'string' ? key : pem(key))).join('\n'));
    return path;
  }

  it('signs with its first private key, and lists the others', async () => {
    const [old, current] = [await pair('P-256'), await pair('P-256')];
    const sec1 = current.privateKey.export({ format: 'pem', type: 'sec1' }).toString();
    const signingKeyFile = keyFile(
      old.publicKey,
      sec1,
      (await pair('P-384')).privateKey,
      current.publicKey,
    );
    const one = await node(file(), { signingKeyFile });
    const before = await node(file(), { signingKeyFile: keyFile(old.privateKey) });
    expect(one.signing.jwks().keys.map(({ alg }) => alg)).toEqual(['ES256', 'ES256', 'ES384']);
    expect(stages(one)).toEqual(['current', 'previous', 'previous']);
    expect(one.signing.current().privateKey.equals(createPrivateKey(sec1))).toBe(true);
    expect(one.access.verify(before.access.mint(subject).token).sub).toBe('u1');
    expect(JSON.stringify(one.signing.jwks())).not.toContain('"d"');
    expect(await rows(one)).toHaveLength(3);
  });

  it('can not be rotated, and says why', async () => {
    const { privateKey } = await pair('P-256');
    const one = await node(file(), { signingKeyFile: keyFile(privateKey) });
    await expect(one.signing.rotate()).rejects.toThrow(/SIGNING_KEY_FILE/);
    const secret = { accessTokenAlg: 'HS256', accessTokenSecret: SECRET } as const;
    await expect((await node(file(), secret)).signing.rotate()).rejects.toThrow(/HS256/);
  });

  it.each<[string, () => string | Promise<string>, RegExp]>([
    ['missing', () => join(directory, 'nowhere.pem'), /^SIGNING_KEY_FILE cannot be read$/],
    ['empty', () => keyFile(''), /holds no private key/],
    ['public', async () => keyFile((await pair('P-256')).publicKey), /holds no private key/],
    [
      'of another curve',
      async () => keyFile((await pair('P-384')).privateKey),
      /not for ACCESS_TOKEN_ALG=ES256/,
    ],
    ['Ed25519', async () => keyFile((await makePair('ed25519')).privateKey), /none of/],
    [
      'short',
      async () => keyFile((await makePair('rsa', { modulusLength: 1024 })).privateKey),
      /none of/,
    ],
    [
      'garbled',
      () => keyFile('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----'),
      /^SIGNING_KEY_FILE holds a block that is no unencrypted PEM key$/,
    ],
  ])('that is %s stops the start', async (_what, path, message) => {
    const problem = await problemOf(node(file(), { signingKeyFile: await path() }));
    expect(problem).toMatch(message);
    expect(problem).not.toContain('c2VjcmV0');
  });
});
