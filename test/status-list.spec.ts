import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { CONFIG, resolveOptions } from '../src/config.js';
import { Clock } from '../src/contract/clock.js';
import { STATUS_LIST_SIZE, statusListReference } from '../src/contract/status-list.js';
import { Database } from '../src/database/database.js';
import { StorageUnavailableError } from '../src/database/storage-error.js';
import { FoundationModule } from '../src/foundation.module.js';
import { isFresh } from '../src/keys/public-document.js';
import { SigningKeys } from '../src/keys/signing-keys.js';
import { EndedSessions } from '../src/revocation/ended-sessions.js';
import { periodAt } from '../src/revocation/period.js';
import { RevocationModule } from '../src/revocation/revocation.module.js';
import { encodeBits } from '../src/revocation/status-bits.js';
import { SessionRepository } from '../src/sessions/session.repository.js';
import { StatusIndexes } from '../src/sessions/status-indexes.js';
import { wrongAccessClaim } from '../src/contract/claim-types.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { migrated } from './support/keys.js';
import { bitsOf, placesOf, type StatusList } from './support/status-list.js';

describe('the bits of a list', () => {
  it('are those of the example in draft-ietf-oauth-status-list §4.1', () => {
    const statuses = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    const set = statuses.flatMap((status, place) => (status === 1 ? [place] : []));
    expect(bitsOf(encodeBits(set, 16))).toEqual(Buffer.from([0xb9, 0xa3]));
    expect(encodeBits(set, 16)).toBe('eNrbuRgAAhcBXQ');
  });

  it('are those of the test vector in appendix C.1', () => {
    const set = [0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345];
    const vector = Buffer.from(
      `78daeddc010dc0200c0041a88249400ad2903e0f4bba00bd93f002beb7a2a2010000a91e090000000000
       000000000000000000008072960400000000000000000000000000000000000000000000000000000000
       0000000000000000000000005c6f4800000000000000fc2c240000000000000000000000be1b12000000
       000000000000ecaa4b000000000000000000000000000000009b0b0900000000000000000038de940000
       0000000000002a30cc010000000080642f0bd8011b`.replace(/\s/g, ''),
      'hex',
    );
    expect(bitsOf(encodeBits(set, 2 ** 20))).toEqual(inflateSync(vector));
    expect(placesOf(vector.toString('base64url'))).toEqual(set);
  });

  it.each([[[]], [[0]], [[7, 8]], [[STATUS_LIST_SIZE - 1]]])('come back: %j', (set) => {
    const lst = encodeBits(set, STATUS_LIST_SIZE);
    expect(bitsOf(lst)).toHaveLength(STATUS_LIST_SIZE / 8);
    expect(placesOf(lst)).toEqual(set);
  });
});

describe('places', () => {
  it('are counted through all lists', () => {
    const uri = (list: number) => `https://a.example/.well-known/status-lists/${list}`;
    const claim = (index: number) => statusListReference('https://a.example', index);
    expect(claim(0)).toEqual({ idx: 0, uri: uri(0) });
    expect(claim(STATUS_LIST_SIZE - 1)).toEqual({ idx: STATUS_LIST_SIZE - 1, uri: uri(0) });
    expect(claim(3 * STATUS_LIST_SIZE + 5)).toEqual({ idx: 5, uri: uri(3) });
  });

  it('stand in the list that the claim names', () => {
    const ended = new EndedSessions();
    for (const index of [5, 2 * STATUS_LIST_SIZE + 5, 5]) ended.add(index);
    expect([0, 1, 2].map((list) => [...ended.in(list)])).toEqual([[5], [], [5]]);
  });

  it('are given once, whoever asks and however many at once', async () => {
    const database = await migrated();
    const rows = new SessionRepository();
    const nodes = [1, 2, 3].map(() => new StatusIndexes(database, rows));
    const takes = Array.from({ length: 500 }, (_, turn) => nodes[turn % 3]?.take());
    const restarted = new StatusIndexes(database, rows);
    const given = [...(await Promise.all(takes)), await restarted.take()];
    expect(new Set(given).size).toBe(501);
    expect(Math.max(...given.map(Number))).toBeLessThan(501 + 4 * 1024);
    await database.close();
  });

  it('are given in no order that tells how many sign-ins there were', async () => {
    const database = await migrated();
    const firstOfNodes = await Promise.all(
      Array.from({ length: 20 }, () => new StatusIndexes(database, new SessionRepository()).take()),
    );
    const placesInBlock = firstOfNodes.map((index) => index % 1024);
    expect(new Set(placesInBlock).size).toBeGreaterThan(10);
    const indexes = new StatusIndexes(database, new SessionRepository());
    const given: number[] = [];
    for (let count = 0; count < 1024; count += 1) given.push(await indexes.take());
    const ascending = given.filter((index, at) => index === (given[at - 1] ?? -1) + 1);
    expect(ascending.length).toBeLessThan(50);
    expect(Math.max(...given) - Math.min(...given)).toBe(1023);
    await database.close();
  });

  it('are not used up by a database that is away', async () => {
    const database = await migrated();
    const indexes = new StatusIndexes(database, new SessionRepository());
    const away = jest
      .spyOn(database, 'write')
      .mockRejectedValue(new StorageUnavailableError('gone'));
    const refused = await Promise.allSettled([indexes.take(), indexes.take()]);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    away.mockRestore();
    const given = await Promise.all([indexes.take(), indexes.take()]);
    expect(given.every((index) => index < 1024)).toBe(true);
    await database.close();
  });
});

describe('a period', () => {
  it.each([1, 600, 86_400])('keeps what a token of %d s may still be accepted for', (life) => {
    for (const now of [1_800_000_000_000, 1_800_000_123_456, 1_800_000_659_999]) {
      const { endedSince, listsExpire } = periodAt(now, life);
      expect(endedSince).toBeLessThanOrEqual(now - (life + 60) * 1000);
      expect(listsExpire * 1000).toBeGreaterThanOrEqual(now + (life + 60) * 1000);
    }
  });
});

describe('the claim', () => {
  const claims = (status: unknown) => ({
    ...{ iss: 'i', sub: 's', aud: 'a', client_id: 'c', iat: 1, exp: 2, jti: 'j', sid: 's' },
    ...{ auth_time: 1, amr: ['pwd'], roles: [], scope: '', status },
  });

  it.each([null, 1, 'x', { status_list: null }, { status_list: { idx: -1, uri: 'u' } }])(
    'may not be %j',
    (status) => expect(wrongAccessClaim(claims(status))).toBe('status'),
  );

  it('may be a place in a list', () => {
    const reference = statusListReference('https://a.example', 1);
    expect(wrongAccessClaim(claims({ status_list: reference }))).toBeUndefined();
  });
});

describe('a million live sessions', () => {
  const MILLION = 1_000_000;

  /** Bytes of all lists as they travel, when one in `every` sessions has ended in the last minutes. */
  const bytes = (every: number): number => {
    const ended = new EndedSessions();
    for (let index = 0; index < MILLION; index += 1) {
      if (hash(index) % every === 0) ended.add(index);
    }
    const lists = Array.from({ length: Math.ceil(MILLION / STATUS_LIST_SIZE) }, (_, list) =>
      encodeBits(ended.in(list), STATUS_LIST_SIZE),
    );
    return lists.reduce((sum, lst) => sum + Math.ceil((lst.length * 4) / 3) + 500, 0);
  };

  it.each([
    [MILLION * 2, 6_000],
    [1_000, 20_000],
    [100, 50_000],
    [10, 200_000],
  ])('one in %d of which has just ended take less than %d bytes', (every, most) => {
    expect(bytes(every)).toBeLessThan(most);
  });
});

/** Spreads numbers evenly and without a pattern that compresses. */
function hash(index: number): number {
  let mixed = Math.imul(index + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

it('validators are compared weakly', () => {
  for (const sent of ['"a"', 'W/"a"', '"b", W/"a"', '*']) {
    expect([isFresh(sent, '"a"'), isFresh(sent, 'W/"a"')]).toEqual([true, true]);
  }
  for (const sent of [undefined, '', '"b"', 'a']) expect(isFresh(sent, 'W/"a"')).toBe(false);
});

const ISSUER = 'https://auth.example.com/base';
const LIST = '/.well-known/status-lists/0';
const adapters = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };

describe.each(Object.entries(adapters))('on %s', (_name, adapter) => {
  const clock = new MovableClock();
  let application: INestApplication;
  let address: string;
  let database: Database;

  beforeAll(async () => {
    const config = resolveOptions({ databaseUrl: 'sqlite::memory:', publicUrl: ISSUER });
    const provided = [{ provide: CONFIG, useValue: config }];
    @Module({ imports: [FoundationModule.with(provided, [], clock), RevocationModule] })
    class Host {}
    application = await NestFactory.create(Host, adapter(), { logger: false });
    await application.listen(0, '127.0.0.1');
    address = await application.getUrl();
    database = application.get(Database, { strict: false });
  });
  afterAll(() => application.close());

  const get = (init?: RequestInit) => fetch(`${address}${LIST}`, init);
  const end = async (index: number, endedAt = clock.now()) => {
    const row = {
      ...{ id: `s${index}`, userId: 'u', transport: 'body' as const, seed: 's', generation: 0 },
      ...{ createdAt: 0, rotatedAt: 0, expiresAt: endedAt + 1, retryKey: null, ip: null },
      ...{ userAgent: null, endedAt, endReason: 'logout', statusIndex: index },
    };
    await database.write((db) => new SessionRepository().insert(db, row));
    await new Promise((resolve) => setTimeout(resolve, 310));
  };
  const read = async (): Promise<StatusList> => {
    const keys = createRemoteJWKSet(new URL(`${address}/.well-known/jwks.json`));
    const options = { typ: 'statuslist+jwt', issuer: ISSUER, currentDate: new Date(clock.now()) };
    const { payload } = await jwtVerify<StatusList>(await (await get()).text(), keys, options);
    return payload;
  };

  it('any library can fetch, cache and verify it', async () => {
    const answer = await get({ headers: { Origin: 'https://elsewhere.example' } });
    expect(answer.status).toBe(200);
    // Express adds a charset to every text, which no reader may mind.
    expect(answer.headers.get('content-type')?.split(';')[0]).toBe('application/statuslist+jwt');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const list = await read();
    expect(list).toEqual({
      iss: ISSUER,
      sub: `${ISSUER}${LIST}`,
      iat: clock.seconds(),
      exp: expect.any(Number),
      ttl: 5,
      status_list: { bits: 1, lst: expect.any(String) },
    });
    expect(list.exp - list.iat).toBeGreaterThanOrEqual(660);
    const [, age] = /^public, max-age=(\d+)$/.exec(answer.headers.get('cache-control') ?? '') ?? [];
    expect(Number(age)).toBeGreaterThan(0);
    expect(Number(age)).toBeLessThanOrEqual(list.ttl);
  });

  it('HEAD says the same as GET', async () => {
    const answer = await get({ method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('etag')).toBe((await get()).headers.get('etag'));
  });

  it.each(['1', '-1', '00', '0x0', '1e0', '99999999999999999999', 'a'])(
    'there is no list %s',
    async (number) => {
      const answer = await fetch(`${address}/.well-known/status-lists/${number}`);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    },
  );

  it('the next list is there before its first place is given away', async () => {
    const rows = new SessionRepository();
    const given = STATUS_LIST_SIZE - 5_000;
    await database.write((db) => rows.reserveStatusIndexes(db, given));
    await new Promise((resolve) => setTimeout(resolve, 310));
    expect((await fetch(`${address}/.well-known/status-lists/1`)).status).toBe(200);
    expect((await fetch(`${address}/.well-known/status-lists/2`)).status).toBe(404);
  });

  it('changes its text and its ETag with the bits alone', async () => {
    const before = await get();
    const etag = before.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    const text = await before.text();
    const again = await get({ headers: { 'If-None-Match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    await end(4711);
    const after = await get({ headers: { 'If-None-Match': etag } });
    expect(after.status).toBe(200);
    expect(await after.text()).not.toBe(text);
    expect(placesOf((await read()).status_list.lst)).toEqual([4711]);
  });

  it('sees what was committed late, or on a node whose clock is behind', async () => {
    await end(4712, clock.now() - 45_000);
    expect(placesOf((await read()).status_list.lst)).toEqual([4711, 4712]);
  });

  it('is signed anew when the key changes', async () => {
    const etag = (await get()).headers.get('etag');
    await application.get(SigningKeys, { strict: false }).rotate({ now: true });
    expect((await get()).headers.get('etag')).not.toBe(etag);
    expect(placesOf((await read()).status_list.lst)).toEqual([4711, 4712]);
  });

  it('is signed anew in time, and forgets what no token can ask for', async () => {
    const { exp } = await read();
    clock.advance('11m');
    await new Promise((resolve) => setTimeout(resolve, 310));
    const next = await read();
    expect(next.exp).toBe(exp + 660);
    clock.advance('22m');
    await new Promise((resolve) => setTimeout(resolve, 310));
    expect(placesOf((await read()).status_list.lst)).toEqual([]);
  });

  it('is the same after the clock was set back', async () => {
    clock.setBack('33m');
    await new Promise((resolve) => setTimeout(resolve, 310));
    expect(placesOf((await read()).status_list.lst)).toEqual([4711, 4712]);
  });

  it.each([
    ['refuses', () => Promise.reject(new StorageUnavailableError('gone'))],
    [
      'hangs',
      () => new Promise<never>((_, fail) => setTimeout(() => fail(new Error('late')), 900)),
    ],
  ])('goes on while the database %s', async (_how, broken) => {
    const away = jest.spyOn(database, 'read').mockImplementation(broken);
    await new Promise((resolve) => setTimeout(resolve, 310));
    const answers = await Promise.all([get(), get(), get()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(away).toHaveBeenCalledTimes(1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    away.mockRestore();
    expect(placesOf((await read()).status_list.lst)).toEqual([4711, 4712]);
  });
});

it('nothing is promised before the database has been read once', async () => {
  const config = resolveOptions({ databaseUrl: 'sqlite::memory:', publicUrl: ISSUER });
  const provided = [{ provide: CONFIG, useValue: config }];
  @Module({ imports: [FoundationModule.with(provided, [], new MovableClock()), RevocationModule] })
  class Host {}
  const application = await NestFactory.create(Host, new FastifyAdapter(), { logger: false });
  const database = application.get(Database, { strict: false });
  expect(application.get(Clock, { strict: false })).toBeInstanceOf(MovableClock);
  jest.spyOn(database, 'read').mockRejectedValue(new StorageUnavailableError('gone'));
  await application.listen(0, '127.0.0.1');
  const answer = await fetch(`${await application.getUrl()}${LIST}`);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  await application.close();
});
