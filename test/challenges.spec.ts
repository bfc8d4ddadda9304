import { createSecretKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChallengeSecrets, idIn, normalizeCode } from '../src/challenges/challenge-secrets.js';
import { type Challenge, ChallengeRepository } from '../src/challenges/challenge.repository.js';
import {
  Challenges,
  MAX_ATTEMPTS,
  type NewChallenge,
  type Outcome,
  REPEAT_WINDOW_MS,
} from '../src/challenges/challenges.js';
import { Database } from '../src/database/database.js';
import { readEnvironment } from '../src/config.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './support/databases.js';
import { HandClock, startNode } from './support/keys.js';

const LIFETIME_MS = 30 * 60_000;
const RESET: NewChallenge = { purpose: 'reset', lifetimeMs: LIFETIME_MS, userId: 'ada' };

/** How many rounds each race has; `RACE_ROUNDS=1000` for the long run. */
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 8);
const TIMEOUT_MS = 30_000 + ROUNDS * 1_000;

interface Node {
  database: Database;
  challenges: Challenges;
}

describe.each<DatabaseKind>(['sqlite', 'postgres'])('Challenges on %s', (kind) => {
  const clock = new HandClock();
  let place: TestDatabase;
  let one: Node;
  let two: Node;

  beforeAll(async () => {
    place = await createDatabase(kind);
    one = await start();
    two = await start();
    await one.database.write((db) =>
      db.insertInto('counters').values({ name: 'effects', value: 0 }).execute(),
    );
  });

  afterAll(async () => {
    await one.database.close();
    await two.database.close();
    await place.drop();
  });

  async function start(): Promise<Node> {
    const database = new Database(readEnvironment(place.environment).databaseUrl);
    await database.migrate();
    const { working } = await startNode(database, clock);
    const rows = new ChallengeRepository();
    return { database, challenges: new Challenges(database, rows, clock, working) };
  }

  const open = (wanted: Partial<NewChallenge> = {}): Promise<Challenge> =>
    one.database.write((db) => one.challenges.open(db, { ...RESET, ...wanted }));

  const challengeAndCode = (challenge: Challenge) => ({
    challenge: one.challenges.challengeOf(challenge),
    code: one.challenges.codeOf(challenge),
  });

  const token = (challenge: Challenge) => ({ token: one.challenges.tokenOf(challenge) });

  /** Takes it with an effect that leaves a trace in the database. */
  const take = (
    presented: Parameters<Challenges['take']>[1],
    { node = one, purpose = 'reset' } = {},
  ): Promise<Outcome<string>> =>
    node.challenges.take(purpose, presented, async (trx, { id }) => {
      await trx
        .updateTable('counters')
        .set((row) => ({ value: row('value', '+', 1) }))
        .where('name', '=', 'effects')
        .execute();
      return id;
    });

  async function effects(): Promise<number> {
    const [row] = await place.query(`select value from counters where name = 'effects'`);
    return Number(row?.['value']);
  }

  function wrongCode(challenge: Challenge): string {
    const right = Number(one.challenges.codeOf(challenge));
    return String((right + 1) % 10 ** 8).padStart(8, '0');
  }

  it('a token takes its challenge, once', async () => {
    const challenge = await open();
    const before = await effects();
    expect(await take(token(challenge))).toEqual({ kind: 'taken', result: challenge.id });
    expect(await take(token(challenge))).toMatchObject({ kind: 'repeated' });
    expect(await effects()).toBe(before + 1);
  });

  it('a code takes its challenge on another node', async () => {
    const challenge = await open();
    expect(await take(challengeAndCode(challenge), { node: two })).toMatchObject({ kind: 'taken' });
  });

  it('a code with spaces and hyphens is the same code', async () => {
    const challenge = await open();
    const { code, ...rest } = challengeAndCode(challenge);
    const typed = `${code.slice(0, 4)} ${code.slice(4, 6)}-${code.slice(6)}`;
    expect(await take({ ...rest, code: typed })).toMatchObject({ kind: 'taken' });
  });

  it('a code is of no use with the challenge of another', async () => {
    const [mine, other] = [await open(), await open()];
    const { code } = challengeAndCode(mine);
    const { challenge } = challengeAndCode(other);
    expect(await take({ challenge, code })).toEqual({ kind: 'dead' });
  });

  it('five wrong codes kill the code, but not the token', async () => {
    const challenge = await open();
    const right = challengeAndCode(challenge);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      expect(await take({ ...right, code: wrongCode(challenge) })).toEqual({ kind: 'dead' });
    }
    expect(await take(right)).toEqual({ kind: 'dead' });
    expect(await take(token(challenge))).toMatchObject({ kind: 'taken' });
  });

  it('a malformed code is no attempt', async () => {
    const challenge = await open();
    const right = challengeAndCode(challenge);
    for (const code of ['', '1234567', '123456789', '١٢٣٤٥٦٧٨', '1'.repeat(10_000)]) {
      expect(await take({ ...right, code })).toEqual({ kind: 'dead' });
    }
    expect(await take(right)).toMatchObject({ kind: 'taken' });
  });

  it('an effect that fails leaves the challenge open, and its attempt uncounted', async () => {
    const challenge = await open();
    const right = challengeAndCode(challenge);
    for (let attempt = 0; attempt < MAX_ATTEMPTS + 1; attempt += 1) {
      const failing = one.challenges.take('reset', right, async (trx) => {
        await trx.deleteFrom('counters').execute();
        throw new Error('weak password');
      });
      await expect(failing).rejects.toThrow('weak password');
    }
    expect(await effects()).toEqual(expect.any(Number));
    expect(await take(right)).toMatchObject({ kind: 'taken' });
  });

  it('an expired challenge is dead', async () => {
    const challenge = await open();
    clock.move(LIFETIME_MS - 1);
    expect(await one.challenges.peek('reset', token(challenge))).toMatchObject({
      id: challenge.id,
    });
    clock.move(1);
    expect(await one.challenges.peek('reset', token(challenge))).toBeUndefined();
    expect(await take(token(challenge))).toEqual({ kind: 'dead' });
    expect(await take(challengeAndCode(challenge))).toEqual({ kind: 'dead' });
  });

  it('a taken challenge is dead once the time for repetitions is over', async () => {
    const challenge = await open();
    await take(token(challenge));
    clock.move(REPEAT_WINDOW_MS + 1);
    expect(await take(token(challenge))).toEqual({ kind: 'dead' });
  });

  it('a wrong code is dead, not a repetition, after the challenge was taken', async () => {
    const challenge = await open();
    await take(challengeAndCode(challenge));
    const wrong = { ...challengeAndCode(challenge), code: wrongCode(challenge) };
    expect(await take(wrong)).toEqual({ kind: 'dead' });
  });

  it('a challenge of another purpose is dead', async () => {
    const challenge = await open({ purpose: 'verify' });
    expect(await take(token(challenge))).toEqual({ kind: 'dead' });
    expect(await take(challengeAndCode(challenge))).toEqual({ kind: 'dead' });
    expect(await take(token(challenge), { purpose: 'verify' })).toMatchObject({ kind: 'taken' });
  });

  it('a challenge is no token, and a token no challenge', async () => {
    const challenge = await open();
    const swapped = { token: one.challenges.challengeOf(challenge) };
    expect(await take(swapped)).toEqual({ kind: 'dead' });
    const { code } = challengeAndCode(challenge);
    const crossed = { challenge: one.challenges.tokenOf(challenge), code };
    expect(await take(crossed)).toEqual({ kind: 'dead' });
  });

  it('the account is named once, and the token and code are made for it', async () => {
    const challenge = await open({ userId: null });
    const early = token(challenge);
    const named = await one.database.write((db) =>
      one.challenges.assign(db, challenge, 'ada', 'digest'),
    );
    expect(named).toMatchObject({ userId: 'ada', binding: 'digest' });
    expect(one.challenges.challengeOf(challenge)).toBe(
      one.challenges.challengeOf(named ?? challenge),
    );
    const again = await one.database.write((db) =>
      one.challenges.assign(db, challenge, 'eve', null),
    );
    expect(again).toBeUndefined();
    expect(await take(early)).toEqual({ kind: 'dead' });
    expect(await take(token(named ?? challenge))).toMatchObject({ kind: 'taken' });
  });

  it('a row whose account was changed in the database has no token any more', async () => {
    const challenge = await open();
    await place.query(`update challenges set user_id = 'eve' where id = '${challenge.id}'`);
    expect(await take(token(challenge))).toEqual({ kind: 'dead' });
  });

  it('voiding ends the open challenges of one purpose and account alone', async () => {
    const person = `voided-${kind}`;
    const mine = await open({ userId: person });
    const others = [await open({ userId: person, purpose: 'verify' }), await open()];
    await one.database.transaction((trx) => one.challenges.void(trx, 'reset', person));
    expect(await take(token(mine))).toEqual({ kind: 'dead' });
    for (const other of others) {
      const { purpose } = other;
      expect(await take(token(other), { purpose })).toMatchObject({ kind: 'taken' });
    }
  });

  it('the sweep removes what expired, after the time for repetitions', async () => {
    clock.move(LIFETIME_MS + REPEAT_WINDOW_MS + 1);
    await one.challenges.sweep();
    const expired = await open();
    clock.move(LIFETIME_MS + REPEAT_WINDOW_MS);
    expect(await one.challenges.sweep()).toBe(0);
    clock.move(1);
    const live = await open();
    expect(await one.challenges.sweep()).toBe(1);
    const rows = await place.query(`select id from challenges`);
    expect(rows.map(({ id }) => id)).toEqual([live.id]);
    expect(rows).not.toContainEqual({ id: expired.id });
  });

  it('no secret stands in the database', async () => {
    const challenge = await open({ data: { next: 'account' } });
    const rows = JSON.stringify(await place.query('select * from challenges'));
    const { challengeOf, tokenOf, codeOf } = {
      challengeOf: one.challenges.challengeOf(challenge),
      tokenOf: one.challenges.tokenOf(challenge),
      codeOf: one.challenges.codeOf(challenge),
    };
    for (const secret of [challengeOf, tokenOf, codeOf]) expect(rows).not.toContain(secret);
    expect(rows).toContain(challenge.id);
  });

  it.each([2, 10, 50])(
    'of %i uses at once, token and code mixed, on two nodes, one has an effect',
    async (crowd) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const challenge = await open();
        const before = await effects();
        const outcomes = await Promise.all(
          Array.from({ length: crowd }, (_, runner) =>
            take(runner % 3 === 0 ? challengeAndCode(challenge) : token(challenge), {
              node: runner % 2 === 0 ? one : two,
            }),
          ),
        );
        const kinds = outcomes.map((outcome) => outcome.kind);
        expect(kinds.filter((each) => each === 'taken')).toHaveLength(1);
        expect(await effects()).toBe(before + 1);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'of 50 wrong codes at once on two nodes no more than five are judged',
    async () => {
      const challenge = await open();
      const right = challengeAndCode(challenge);
      await Promise.all(
        Array.from({ length: 50 }, (_, runner) =>
          take({ ...right, code: wrongCode(challenge) }, { node: runner % 2 === 0 ? one : two }),
        ),
      );
      const [row] = await place.query(
        `select attempts from challenges where id = '${challenge.id}'`,
      );
      expect(row).toEqual({ attempts: MAX_ATTEMPTS });
      expect(await take(right)).toEqual({ kind: 'dead' });
    },
    TIMEOUT_MS,
  );
});

describe('The secrets of challenges', () => {
  const source = {
    id: '01a20316-4d7e-71ef-94ad-23a220feded5',
    purpose: 'reset',
    userId: 'ada',
    binding: 'digest',
    createdAt: 1,
  };
  const secrets = new ChallengeSecrets(createSecretKey(randomBytes(32)));

  it('are the same each time for the same row and key', () => {
    expect(secrets.secretOf(source, 'token')).toBe(secrets.secretOf({ ...source }, 'token'));
    expect(secrets.codeOf(source)).toMatch(/^[0-9]{8}$/);
  });

  it.each([
    ['id', { id: '01a20316-4d7e-71ef-94ad-23a220feded6' }],
    ['purpose', { purpose: 'verify' }],
    ['account', { userId: 'eve' }],
    ['binding', { binding: 'other' }],
    ['age', { createdAt: 2 }],
  ])('are others for another %s', (_name, change) => {
    const other = { ...source, ...change };
    expect(secrets.secretOf(other, 'token')).not.toBe(secrets.secretOf(source, 'token'));
    expect(secrets.codeOf(other)).not.toBe(secrets.codeOf(source));
  });

  it('are others under another key', () => {
    const others = new ChallengeSecrets(createSecretKey(randomBytes(32)));
    expect(others.secretOf(source, 'challenge')).not.toBe(secrets.secretOf(source, 'challenge'));
  });

  it('begin with the id of their row', () => {
    expect(idIn(secrets.secretOf(source, 'token'))).toBe(source.id);
  });

  it.each(['', 'a', 'a'.repeat(63), `${'a'.repeat(63)}=`, 'ä'.repeat(64), 'a'.repeat(65)])(
    'have a form that %j has not',
    (presented) => {
      expect(idIn(presented)).toBeUndefined();
    },
  );

  it('are compared whole', () => {
    const token = secrets.secretOf(source, 'token');
    expect(secrets.matches(source, 'token', token)).toBe(true);
    const last = token.endsWith('A') ? 'B' : 'A';
    expect(secrets.matches(source, 'token', token.slice(0, -1) + last)).toBe(false);
    expect(secrets.matches(source, 'token', '')).toBe(false);
  });

  it('a code keeps its digits through spaces and hyphens only', () => {
    expect(normalizeCode('1234 5678')).toBe('12345678');
    expect(normalizeCode('12-34-56-78')).toBe('12345678');
    expect(normalizeCode('1234\t5678')).toBeUndefined();
    expect(normalizeCode('１２３４５６７８')).toBeUndefined();
  });
});
