import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../src/config.js';
import { readCursor, writeCursor } from '../src/users/user-cursor.js';
import type { UserRecord } from '../src/users/user-store.js';
import type { UsersService } from '../src/users/users.service.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { bareNode } from './support/bare-node.js';
import { createDatabase, type TestDatabase } from './support/databases.js';

/*
 * What HTTP can't reach: races inside one node and between two, and the order of users of one instant.
 */

describe.each(['sqlite', 'postgres'] as const)('Users on %s', (kind) => {
  const clock = new MovableClock();
  let place: TestDatabase;
  let one: ReturnType<typeof bareNode>;
  let two: ReturnType<typeof bareNode>;
  let made = 0;

  beforeAll(async () => {
    place = await createDatabase(kind);
    const config = readEnvironment({ ...place.environment, BCRYPT_COST: '4' });
    one = bareNode(config, clock);
    two = bareNode(config, clock);
    await one.database.migrate();
  });

  afterAll(async () => {
    await one.database.close();
    await two.database.close();
    await place.drop();
  });

  function person(wanted: Partial<UserRecord> = {}): Promise<UserRecord> {
    made += 1;
    return one.users.create({
      email: `user-${made}@example.com`,
      emailVerified: true,
      username: null,
      name: null,
      roles: ['user'],
      passwordHash: null,
      ...wanted,
    });
  }

  const admin = () => person({ roles: ['admin'] });

  async function retireAll(): Promise<void> {
    await place.query(`update users set roles = '[]'`);
  }

  type Users = UsersService;
  const falls: [name: string, fall: (users: Users, id: string) => Promise<unknown>][] = [
    ['demoted', (users, id) => users.update(id, { roles: ['user'] })],
    ['disabled', (users, id) => users.update(id, { disabled: true })],
    ['deleted', (users, id) => users.remove(id)],
  ];

  describe.each(falls)('two administrators who are %s at once', (_name, fall) => {
    it.each([
      ['by one node', () => one.users],
      ['by two nodes', () => two.users],
    ])('%s: one remains', async (_how, other) => {
      for (let round = 0; round < 5; round += 1) {
        await retireAll();
        const [ada, bob] = [await admin(), await admin()];
        const outcomes = await Promise.allSettled([fall(one.users, ada.id), fall(other(), bob.id)]);
        const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
        expect(refused).toEqual([
          { status: 'rejected', reason: expect.objectContaining({ code: 'last_admin' }) },
        ]);
      }
    });
  });

  it('a disabled administrator does not count as one who remains', async () => {
    await retireAll();
    const [ada, bob] = [await admin(), await admin()];
    await one.users.update(bob.id, { disabled: true });
    await expect(one.users.remove(ada.id)).rejects.toMatchObject({ code: 'last_admin' });
    await expect(one.users.update(bob.id, { roles: [] })).resolves.toMatchObject({ roles: [] });
  });

  it('a role whose name only contains «admin» does not count', async () => {
    await retireAll();
    const ada = await admin();
    await person({ roles: ['admin2', 'sub-admin'] });
    await expect(one.users.update(ada.id, { roles: [] })).rejects.toMatchObject({
      code: 'last_admin',
    });
  });

  it('a refused change leaves the sessions alone', async () => {
    await retireAll();
    const ada = await admin();
    const from = { transport: 'body', ip: null, userAgent: null } as const;
    const session = await one.sessions.start({ userId: ada.id, ...from });
    await expect(one.users.update(ada.id, { disabled: true })).rejects.toThrow();
    expect(await one.sessions.isAlive(session.id, ada.id)).toBe(true);
  });

  it('a session that is inserted while its user is disabled is ended', async () => {
    const user = await person();
    const from = { userId: user.id, transport: 'body', ip: null, userAgent: null } as const;
    for (let round = 0; round < 10; round += 1) {
      await one.users.update(user.id, { disabled: false });
      const [session] = await Promise.all([
        two.sessions.start(from).then(async ({ id }) => {
          const seen = await two.users.findById(user.id);
          return { id, refused: seen?.disabled !== false };
        }),
        one.users.update(user.id, { disabled: true }),
      ]);
      expect(session.refused || !(await one.sessions.isAlive(session.id, user.id))).toBe(true);
    }
  });

  it('two creations with one address at once: one succeeds', async () => {
    const create = (users: UsersService, email: string) =>
      users.create({
        email,
        emailVerified: false,
        username: null,
        name: null,
        roles: [],
        passwordHash: null,
      });
    const outcomes = await Promise.allSettled([
      create(one.users, 'Twin@example.com'),
      create(two.users, 'twin@EXAMPLE.com'),
      create(one.users, 'twin@example.com '),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('email_taken');
    }
  });

  it('a hash is only replaced while it is the one that was read', async () => {
    const user = await person();
    expect(await one.users.replacePasswordHash(user.id, 'other', 'first')).toBe(false);
    expect(await one.users.replacePasswordHash(user.id, null, 'first')).toBe(true);
    expect(await one.users.replacePasswordHash(user.id, null, 'second')).toBe(false);
    expect(await one.users.replacePasswordHash(user.id, 'first', 'second')).toBe(true);
    expect((await one.users.findById(user.id))?.passwordHash).toBe('second');
  });

  it('lists users of one instant in the order of their creation, page by page', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      ids.push((await person({ name: 'Paged' })).id);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await one.users.list({ limit: 3, cursor, query: 'paged' });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
      await person({ name: 'Paged' });
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.reverse());
  });

  it.each([
    ['émile', true],
    ['Émile', true],
    ['ÉMILE Z', true],
    ['mile', false],
    ['%', false],
    ['_', false],
    ['100%', false],
    ['zola_', true],
    ['ZOLA', true],
    ['zola-x', false],
    ["É'; drop table users; --", false],
    ['\\', false],
    ['!', false],
  ])('the query %j finds: %p', async (query, found) => {
    await place.query(`delete from users where username = 'zola_x'`);
    const zola = await person({ name: 'Émile Zola', username: 'zola_x' });
    const { items } = await one.users.list({ query, limit: 200 });
    expect(items.some(({ id }) => id === zola.id)).toBe(found);
  });

  it.each(['leser@bücher', 'LESER@BÜCHER.EXA', 'leser@xn--'])(
    'the query %j finds an address in letters beyond ASCII',
    async (query) => {
      await place.query(`delete from users where email_key like 'leser@%'`);
      const reader = await person({ email: 'Leser@BÜCHER.example' });
      const { items } = await one.users.list({ query });
      expect(items.map(({ id }) => id)).toEqual([reader.id]);
    },
  );

  it.each(['Last\u{10FFFF}', 'Last\u{10FFFF}\u{10FFFF}x', 'Last\uD7FF', 'Last\uE000x'])(
    'a name may go on with any character: %j',
    async (name) => {
      const user = await person({ name });
      const shorter = Array.from(name).slice(0, -1).join('');
      for (const query of ['last', name, shorter]) {
        const { items } = await one.users.list({ query, limit: 200 });
        expect(items.map(({ id }) => id)).toContain(user.id);
      }
      const { items } = await one.users.list({ query: `${name}!` });
      expect(items).toEqual([]);
    },
  );

  it('the command line sets a password, which ends the sessions', async () => {
    const user = await person();
    const from = { userId: user.id, transport: 'body', ip: null, userAgent: null } as const;
    const session = await one.sessions.start(from);
    await expect(one.users.setPassword(user.id, 'password')).rejects.toMatchObject({
      code: 'validation_failed',
    });
    expect(await one.sessions.isAlive(session.id, user.id)).toBe(true);
    await one.users.setPassword(user.id, 'a fair wind and a steady hand');
    expect(await one.sessions.isAlive(session.id, user.id)).toBe(false);
    expect((await one.users.findById(user.id))?.passwordHash).toMatch(/^\$lk1\$/);
  });

  it.each(['', 'x', 'me', '../x', '\0', "' or 1=1", '00000000-0000-4000-8000-000000000000'])(
    'the id %j is nobody',
    async (id) => {
      expect(await one.users.findById(id)).toBeNull();
      await expect(one.users.update(id, { name: 'X' })).rejects.toMatchObject({
        code: 'not_found',
      });
      await expect(one.users.remove(id)).rejects.toMatchObject({ code: 'not_found' });
    },
  );
});

describe('A cursor', () => {
  const cursor = { createdAt: 1_800_000_000_000, id: '01900000-0000-7000-8000-000000000000' };

  it('comes back as it went', () => {
    expect(readCursor(writeCursor(cursor))).toEqual(cursor);
  });

  it.each([
    '',
    'x',
    writeCursor({ ...cursor, createdAt: Number.NaN }),
    writeCursor({ ...cursor, createdAt: -1 }),
    writeCursor({ ...cursor, id: 'x' }),
    `${writeCursor(cursor)}=`,
    ` ${writeCursor(cursor)}`,
  ])('is refused when it is %j', (text) => {
    expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: 'validation_failed' }));
  });
});
