import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { resolveOptions } from '../src/config.js';
import { Problem } from '../src/http/problem.js';
import type { WorkingKeys } from '../src/keys/working-keys.js';
import { isPlainHash } from '../src/passwords/bcrypt-hash.js';
import { HashQueue } from '../src/passwords/hash-queue.js';
import { PasswordHasher } from '../src/passwords/password-hasher.js';
import { PasswordPolicy } from '../src/passwords/password-policy.js';

const PEPPER = randomBytes(48);

function hasher(bcryptCost = 4, pepper = PEPPER): PasswordHasher {
  const keys: Pick<WorkingKeys, 'pepper'> = { pepper: () => pepper };
  return new PasswordHasher(resolveOptions({ bcryptCost }), keys as WorkingKeys);
}

/** How many rounds of bcrypt a call costs: 2^cost for each hash and comparison. */
async function roundsOf(call: () => Promise<unknown>): Promise<number> {
  let rounds = 0;
  const { compare, hash } = bcrypt;
  bcrypt.compare = (data: string | Buffer, encrypted: string) => {
    rounds += 2 ** bcrypt.getRounds(encrypted);
    return compare(data, encrypted);
  };
  bcrypt.hash = (data: string | Buffer, cost: string | number) => {
    rounds += 2 ** Number(cost);
    return hash(data, cost);
  };
  try {
    await call();
  } finally {
    Object.assign(bcrypt, { compare, hash });
  }
  return rounds;
}

describe('A password hash', () => {
  const GOOD = 'a fair wind and a steady hand';

  it('verifies its password and no other', async () => {
    const hash = await hasher().hash(GOOD);
    expect(hash).toMatch(/^\$lk1\$\$2b\$04\$[./A-Za-z0-9]{53}$/);
    expect(await hasher().verify(GOOD, hash)).toEqual({ ok: true });
    expect(await hasher().verify(`${GOOD}.`, hash)).toEqual({ ok: false });
  });

  it('is of no use without the pepper', async () => {
    const hash = await hasher().hash(GOOD);
    expect((await hasher(4, randomBytes(48)).verify(GOOD, hash)).ok).toBe(false);
    expect(await bcrypt.compare(GOOD, hash.slice('$lk1$'.length))).toBe(false);
  });

  it('is another one each time', async () => {
    expect(await hasher().hash(GOOD)).not.toBe(await hasher().hash(GOOD));
  });

  it('is over the whole password, not the first 72 bytes', async () => {
    const start = 'x'.repeat(72);
    const hash = await hasher().hash(`${start}one`);
    expect((await hasher().verify(`${start}two`, hash)).ok).toBe(false);
    expect((await hasher().verify(`${start}one`, hash)).ok).toBe(true);
  });

  it('is the same for composed and decomposed letters', async () => {
    const composed = 'cr\u00e8me br\u00fbl\u00e9e';
    const hash = await hasher().hash(composed);
    expect((await hasher().verify(composed.normalize('NFD'), hash)).ok).toBe(true);
    const plain = await bcrypt.hash(composed, 4);
    expect((await hasher().verify(composed.normalize('NFD'), plain)).ok).toBe(true);
  });

  it('over a text that is not NFC verifies as it was typed', async () => {
    const typed = 'cre\u0300me bru\u0302le\u0301e';
    const plain = await bcrypt.hash(typed, 4);
    expect(await hasher().verify(typed, plain)).toEqual({ ok: true, upgraded: expect.any(String) });
    expect((await hasher().verify('cre\u0300me brulee', plain)).ok).toBe(false);
    const keyed = await hasher().hash('another');
    expect((await hasher().verify(typed, keyed)).ok).toBe(false);
  });

  it('that was imported is not replaced by a password of more than 72 bytes', async () => {
    const start = 'x'.repeat(72);
    const plain = await bcrypt.hash(`${start}right`, 4);
    expect(await hasher().verify(`${start}wrong`, plain)).toEqual({ ok: true });
    const exact = await bcrypt.hash(start, 4);
    expect(await hasher().verify(start, exact)).toEqual({ ok: true, upgraded: expect.any(String) });
  });

  it.each(['$2a$', '$2b$', '$2y$'])(
    'that was imported as plain %s verifies and is upgraded',
    async (v) => {
      const plain = (await bcrypt.hash(GOOD, 4)).replace('$2b$', v);
      const verdict = await hasher().verify(GOOD, plain);
      expect(verdict).toEqual({ ok: true, upgraded: expect.stringMatching(/^\$lk1\$\$2b\$04\$/) });
      expect(await hasher().verify(GOOD, verdict.upgraded ?? null)).toEqual({ ok: true });
      expect(await hasher().verify('another', plain)).toEqual({ ok: false });
    },
  );

  it.each([
    [4, 5],
    [5, 4],
  ])('of cost %i is upgraded when cost %i is configured', async (old, configured) => {
    const verdict = await hasher(configured).verify(GOOD, await hasher(old).hash(GOOD));
    expect(verdict.ok).toBe(true);
    expect(verdict.upgraded).toMatch(new RegExp(`^\\$lk1\\$\\$2b\\$0${configured}\\$`));
  });

  it.each([
    ['no user', null],
    ['an empty text', ''],
    ['what is no hash', 'correct horse'],
    ['a hash that is cut off', '$lk1$$2b$04$abc'],
    ['a version that we do not know', `$2x$04$${'a'.repeat(53)}`],
    ['a cost that would take days', `$lk1$$2b$31$${'a'.repeat(53)}`],
  ])('%s: refused', async (_name, stored) => {
    expect(await hasher().verify(GOOD, stored)).toEqual({ ok: false });
  });

  it('is refused with the same work whatever there is to compare with', async () => {
    const subject = hasher(7);
    const stored = {
      nobody: null,
      garbled: 'x',
      current: await subject.hash(GOOD),
      old: await hasher(5).hash(GOOD),
      plain: await bcrypt.hash(GOOD, 6),
    };
    for (const hash of Object.values(stored)) {
      expect(await roundsOf(() => subject.verify('wrong', hash))).toBe(2 ** 7);
    }
    await subject.verify('wrong', await bcrypt.hash(GOOD, 9));
    for (const hash of Object.values(stored)) {
      expect(await roundsOf(() => subject.verify('wrong', hash))).toBe(2 ** 9);
    }
  });

  it.each([
    [`$2a$10$${'a'.repeat(53)}`, true],
    [`$2b$15$${'/'.repeat(53)}`, true],
    [`$2b$16$${'a'.repeat(53)}`, false],
    [`$2b$03$${'a'.repeat(53)}`, false],
    [`$2x$10$${'a'.repeat(53)}`, false],
    [`$lk1$$2b$10$${'a'.repeat(53)}`, false],
    [`$2b$10$${'a'.repeat(53)}\n`, false],
  ])('%j may be imported: %p', (text, may) => {
    expect(isPlainHash(text)).toBe(may);
  });
});

describe('The hashing queue', () => {
  /** A job that ends when it is told to. */
  function job() {
    let end = (): void => undefined;
    const done = new Promise<void>((resolve) => (end = resolve));
    return { work: () => done, end };
  }

  it('runs as many as it has lanes, the rest first come, first served', async () => {
    const queue = new HashQueue(2);
    const order: number[] = [];
    const jobs = [job(), job(), job(), job()];
    const all = jobs.map(({ work }, index) =>
      queue.run(() => {
        order.push(index);
        return work();
      }),
    );
    expect(queue.stats()).toEqual({ running: 2, waiting: 2 });
    for (const index of [1, 0, 3, 2]) {
      jobs[index]?.end();
      await all[index === 3 ? 0 : index];
    }
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(queue.stats()).toEqual({ running: 0, waiting: 0 });
  });

  it('refuses who would wait longer than 5 s, and says for how long to stay away', async () => {
    const queue = new HashQueue(1, 2_000);
    const busy = job();
    const admitted = [1, 2, 3, 4].map(() => queue.run(busy.work));
    const refused = await queue.run(busy.work).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Problem);
    expect(refused).toMatchObject({
      code: 'overloaded',
      extra: { headers: { 'Retry-After': '6' } },
    });
    busy.end();
    await Promise.all(admitted);
    expect(queue.stats()).toEqual({ running: 0, waiting: 0 });
  });

  it('keeps 512 waiting at most, however quick they are', async () => {
    const queue = new HashQueue(1, 0.001);
    const busy = job();
    const admitted = Array.from({ length: 513 }, () => queue.run(busy.work));
    await expect(queue.run(busy.work)).rejects.toMatchObject({ code: 'overloaded' });
    busy.end();
    await Promise.all(admitted);
  });

  it('learns how long a job takes', async () => {
    let time = 0;
    const queue = new HashQueue(1, 0, () => time);
    await queue.run(async () => {
      time += 6_000;
    });
    const busy = job();
    const admitted = [queue.run(busy.work), queue.run(busy.work)];
    await expect(queue.run(busy.work)).rejects.toMatchObject({ code: 'overloaded' });
    busy.end();
    await Promise.all(admitted);
  });

  it('goes on after a job that fails', async () => {
    const queue = new HashQueue(1);
    const failing = queue.run(() => Promise.reject(new Error('broken')));
    const next = queue.run(() => Promise.resolve('fine'));
    await expect(failing).rejects.toThrow('broken');
    await expect(next).resolves.toBe('fine');
  });
});

describe('The password policy', () => {
  const policy = new PasswordPolicy(resolveOptions({}));
  const ADA = { email: 'ada.lovelace@example.com', username: 'countess', name: 'Ada King-Noel' };

  it.each([
    ['short', 'seven77'],
    ['short in code points, though not in UTF-16', '\u{1F600}'.repeat(7)],
    ['short once composed', 'e\u0301'.repeat(7)],
    ['too long', 'ab'.repeat(129)],
    ['common', 'iloveyou1'],
    ['common in capitals', 'PassWord123'],
    ['one character', 'zzzzzzzzzzzz'],
    ['a sequence', 'abcdefgh'],
    ['a sequence backwards', '987654321'],
    ['a number over and over', '12341234'],
    ['the e-mail address', 'ada.lovelace@example.com'],
    ['the local part', 'ada.lovelace'],
    ['a piece of the local part with digits', 'Lovelace1815!'],
    ['the domain', 'example-2024'],
    ['the user name', 'Countess99'],
    ['a part of the name', 'kingkingking'],
    ['the name of the service', 'Latchkey#2025'],
  ])('refuses what is %s', (_name, password) => {
    const reason = policy.check(password, ADA);
    expect(reason).toMatch(/^(must|is) /);
    expect(reason?.toLowerCase()).not.toContain(password.toLowerCase());
  });

  it.each([
    ['a sentence', 'a fair wind and a steady hand'],
    ['8 code points', 'tq8!vb2z'],
    ['8 code points beyond UTF-16', '\u{1F600}\u{1F98A}\u{1F33B}\u{1F680}'.repeat(2)],
    ['256 code points', 'ab'.repeat(128)],
    ['a name among other words', 'lovelace rides at dawn'],
    ['other scripts', 'верный конь ржёт'],
    ['spaces only between', 'tr us ty bo lt'],
  ])('takes %s', (_name, password) => {
    expect(policy.check(password, ADA)).toBeUndefined();
  });

  it('needs to know nothing about the owner', () => {
    expect(policy.check('a fair wind', {})).toBeUndefined();
    expect(policy.check('a fair wind', { username: null, name: null })).toBeUndefined();
  });

  it('follows PASSWORD_MIN_LENGTH, in the list of common passwords too', () => {
    const lax = new PasswordPolicy(resolveOptions({ passwordMinLength: 4 }));
    expect(lax.check('qwerty', {})).toBe('is one of the most common passwords');
    expect(lax.check('tq8!', {})).toBeUndefined();
    const strict = new PasswordPolicy(resolveOptions({ passwordMinLength: 12 }));
    expect(strict.check('tq8!vb2z', {})).toBe('must have at least 12 characters');
  });
});
