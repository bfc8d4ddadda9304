import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import {
  type Answer,
  expectInvalid,
  expectProblem,
  PASSWORD,
  type Renewed,
  renewed,
} from './support/client.js';
import type { MovableClock } from '../src/testing/movable-clock.js';
import { AccessTokens } from '../src/tokens/access-tokens.js';
import { RefreshTokens } from '../src/tokens/refresh-tokens.js';
import { decoded, signedHs256, withBrokenSignature } from './support/jwt.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const outcome = (answer: Answer) => answer.header('refresh-outcome');
const keyed = (key: string) => ({ 'idempotency-key': key });

describeOnEachDatabase('Rotation', (suite) => {
  let service: TestService;
  let clock: MovableClock;
  beforeAll(async () => {
    service = await suite.open();
    clock = service.clock;
  });

  const signUp = async (on = service): Promise<Renewed> => renewed(await on.register());

  const expectReplay = async (token: string, same: Renewed, headers = {}, on = service) => {
    const answer = await on.refresh(token, headers);
    expect([answer.status, outcome(answer)]).toEqual([200, 'replayed']);
    const replay = renewed(answer.json());
    expect(replay.refreshToken).toBe(same.refreshToken);
    expect(replay.accessToken).not.toBe(same.accessToken);
    expect((await on.me(replay.accessToken)).status).toBe(200);
  };

  /** Presents a token that must count as stolen; `current` is the session's live one. */
  const expectTheft = async (token: string, current: Renewed, headers = {}, on = service) => {
    const answer = await on.refresh(token, headers);
    expectProblem(answer, 'refresh_token_invalid');
    expect(outcome(answer)).toBe('rejected');
    expectProblem(await on.refresh(current.refreshToken), 'refresh_token_invalid');
    expectProblem(await on.me(current.accessToken), 'token_invalid');
  };

  describe('of the current generation', () => {
    /** @see contract §2, rule 4: «A failed renewal consumes nothing.» */
    it('consumes nothing when the access token can’t be signed', async () => {
      const first = await signUp();
      const signing = jest.spyOn(AccessTokens.prototype, 'mintAside');
      signing.mockImplementationOnce(() =>
        delay(100).then(() => Promise.reject(new Error('no memory'))),
      );
      const failed = await service.refresh(first.refreshToken);
      signing.mockRestore();
      expectProblem(failed, 'internal_error');
      const answer = await service.refresh(first.refreshToken);
      expect([answer.status, outcome(answer)]).toEqual([200, 'rotated']);
    });

    /** A 401 would make clients throw their session away. */
    it('is not called invalid for a fault that is ours', async () => {
      const first = await signUp();
      const reading = jest.spyOn(RefreshTokens.prototype, 'readForRenewal');
      reading.mockImplementationOnce(() => {
        throw new TypeError('no memory');
      });
      const failed = await service.refresh(first.refreshToken);
      reading.mockRestore();
      expectProblem(failed, 'internal_error');
      expect((await service.refresh(first.refreshToken)).status).toBe(200);
    });

    it('advances the session and issues a new pair', async () => {
      const first = await signUp();
      clock.advance('1m');
      const answer = await service.refresh(first.refreshToken);
      expect([answer.status, outcome(answer)]).toEqual([200, 'rotated']);
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.json()).toEqual({
        tokenType: 'Bearer',
        accessToken: expect.any(String),
        expiresIn: expect.any(Number),
        refreshToken: expect.any(String),
        refreshExpiresIn: first.refreshExpiresIn,
        sessionId: first.sessionId,
        user: first.user,
      });
      const second = renewed(answer.json());
      expect(second.refreshToken).not.toBe(first.refreshToken);
      expect(second.accessToken).not.toBe(first.accessToken);
    });

    it('goes on for as long as somebody renews', async () => {
      let pair = await signUp();
      for (let round = 1; round <= 20; round += 1) {
        pair = await service.renew(pair.refreshToken);
        expect(decoded(pair.refreshToken).payload['gen']).toBe(round);
      }
    });

    it('leaves earlier access tokens of the session alone', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      await service.renew(second.refreshToken);
      expect((await service.me(first.accessToken)).status).toBe(200);
    });
  });

  describe('of the immediate predecessor', () => {
    it('gives the same refresh token again, byte for byte, within the retry window', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      for (let retry = 0; retry < 3; retry += 1) await expectReplay(first.refreshToken, second);
      clock.advance('9s');
      await expectReplay(first.refreshToken, second);
      await service.renew(second.refreshToken);
    });

    it('does not move the generation', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      await expectReplay(first.refreshToken, second);
      const third = await service.renew(second.refreshToken);
      expect(decoded(third.refreshToken).payload['gen']).toBe(2);
    });

    it('is theft once the window is over', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      clock.advance('11s');
      await expectTheft(first.refreshToken, second);
    });

    it('is theft, even within the window, once the successor has been presented', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      const third = await service.renew(second.refreshToken);
      await expectTheft(first.refreshToken, third);
    });

    it('gets the same answer however late with the Idempotency-Key of the rotation', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('the-same-request'));
      for (const span of ['11s', '2h', '5d', '20d'] as const) {
        clock.advance(span);
        await expectReplay(first.refreshToken, second, keyed('the-same-request'));
      }
      await service.renew(second.refreshToken);
    });

    it('is theft, key or not, once the successor has been presented', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('the-same-request'));
      const third = await service.renew(second.refreshToken);
      await expectTheft(first.refreshToken, third, keyed('the-same-request'));
    });

    it('is theft after the window with another key', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('the-first-request'));
      clock.advance('11s');
      await expectTheft(first.refreshToken, second, keyed('another-request'));
    });

    it('is theft after the window without the key that rotated it', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('the-first-request'));
      clock.advance('11s');
      await expectTheft(first.refreshToken, second);
    });

    it('is theft after the window with a key when none rotated it', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken);
      clock.advance('11s');
      await expectTheft(first.refreshToken, second, keyed('a-late-thought'));
    });

    it('may use different keys within the window', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('tab-number-one'));
      await expectReplay(first.refreshToken, second, keyed('tab-number-two'));
      await expectReplay(first.refreshToken, second);
    });

    it('is theft in spite of a key that comes with every rotation', async () => {
      for (const rotations of [2, 3, 4]) {
        const constant = keyed('always-the-same');
        let [last, next] = [await signUp(), await signUp()];
        next = await service.renew(last.refreshToken, constant);
        for (let done = 1; done < rotations; done += 1) {
          last = next;
          next = await service.renew(last.refreshToken, constant);
        }
        clock.advance('1h');
        await expectTheft(last.refreshToken, next, constant);
      }
    });

    it('is replayed with a key that the rotation before the last had, too', async () => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed('one-of-the-two'));
      const third = await service.renew(second.refreshToken, keyed('another-of-the-two'));
      const fourth = await service.renew(third.refreshToken, keyed('one-of-the-two'));
      clock.advance('1h');
      await expectReplay(third.refreshToken, fourth, keyed('one-of-the-two'));
    });

    it('is replayed with its key after it has expired, as long as the session lives', async () => {
      const first = await signUp();
      clock.advance('29d');
      const second = await service.renew(first.refreshToken, keyed('of-a-device-that-was-off'));
      clock.advance('20d');
      await expectReplay(first.refreshToken, second, keyed('of-a-device-that-was-off'));
      clock.advance('11d');
      const late = await service.refresh(first.refreshToken, keyed('of-a-device-that-was-off'));
      expectProblem(late, 'refresh_token_invalid');
    });

    it('is refused without its key after it has expired, and ends nothing', async () => {
      const first = await signUp();
      clock.advance('29d');
      const second = await service.renew(first.refreshToken, keyed('of-a-device-that-was-off'));
      clock.advance('20d');
      for (const headers of [{}, keyed('another-key-than-that')]) {
        const answer = await service.refresh(first.refreshToken, headers);
        expectProblem(answer, 'refresh_token_invalid');
        expect(outcome(answer)).toBe('rejected');
      }
      await service.renew(second.refreshToken);
    });
  });

  describe('with REFRESH_RETRY_WINDOW=0', () => {
    let strict: TestService;
    beforeAll(async () => {
      strict = await suite.open({ REFRESH_RETRY_WINDOW: '0' });
    });

    it('takes the predecessor for theft at once', async () => {
      const first = await signUp(strict);
      const second = await strict.renew(first.refreshToken);
      await expectTheft(first.refreshToken, second, {}, strict);
    });

    it('still gives the same answer to the same Idempotency-Key', async () => {
      const first = await signUp(strict);
      const second = await strict.renew(first.refreshToken, keyed('the-same-request'));
      await expectReplay(first.refreshToken, second, keyed('the-same-request'), strict);
    });
  });

  describe('after theft', () => {
    it('has ended the session, and no other of the user', async () => {
      const first = await signUp();
      const { email } = first.user;
      const signIn = { email, password: PASSWORD };
      const elsewhere = renewed((await service.login(signIn)).json());
      const second = await service.renew(first.refreshToken);
      const third = await service.renew(second.refreshToken);
      await expectTheft(first.refreshToken, third);
      const listed = await service.sessions(elsewhere.accessToken);
      expect(listed.map(({ id }) => id)).toEqual([elsewhere.sessionId]);
      await service.renew(elsewhere.refreshToken);
    });

    it('refuses every generation for good', async () => {
      const chain = [await signUp()];
      for (let round = 0; round < 4; round += 1) {
        chain.push(await service.renew(chain.at(-1)?.refreshToken ?? ''));
      }
      await service.refresh(chain[1]?.refreshToken ?? '');
      for (const { refreshToken } of chain) {
        expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
      }
      clock.advance('1d');
      for (const { refreshToken } of chain) {
        expectProblem(await service.refresh(refreshToken), 'refresh_token_invalid');
      }
    });
  });

  describe('that fails', () => {
    const failures: [how: string, body: object, headers: Record<string, string>, status: number][] =
      [
        ['for a key that is too short', {}, keyed('7 chars'), 400],
        ['for an unknown member', { scope: 'all' }, {}, 400],
        ['for another media type', {}, { 'content-type': 'text/plain' }, 415],
      ];
    it.each(failures)('%s consumes nothing', async (_how, extra, headers, status) => {
      const { refreshToken } = await signUp();
      const answer = await service.post('/auth/refresh', { refreshToken, ...extra }, { headers });
      expect([answer.status, outcome(answer)]).toEqual([status, 'rejected']);
      clock.advance('1m');
      expect(outcome(await service.refresh(refreshToken))).toBe('rotated');
    });

    it('ends no session for a token that we did not make', async () => {
      const { refreshToken } = await signUp();
      const forged = withBrokenSignature(refreshToken);
      expectProblem(await service.refresh(forged), 'refresh_token_invalid');
      await service.renew(refreshToken);
    });
  });

  describe('Idempotency-Key', () => {
    it.each([
      ['8 characters', '12345678'],
      ['255 characters', 'k'.repeat(255)],
      ['quotes around it', '"8b1f6c9e-retry"'],
      ['a quote at one end alone', '"8b1f6c9e-retry'],
      [
        'every visible character',
        Array.from({ length: 92 }, (_, at) => String.fromCharCode(at + 35)).join(''),
      ],
    ])('may have %s', async (_what, key) => {
      const first = await signUp();
      const second = await service.renew(first.refreshToken, keyed(key));
      clock.advance('1h');
      await expectReplay(first.refreshToken, second, keyed(key));
    });

    it.each([
      ['7 characters', '1234567'],
      ['7 characters in quotes', '"1234567"'],
      ['256 characters', 'k'.repeat(256)],
      ['a blank', 'two words'],
      ['a letter beyond ASCII', 'schl\u00fcssel'],
      ['nothing', ''],
    ])('with %s is 400', async (_what, key) => {
      const { refreshToken } = await signUp();
      const answer = await service.refresh(refreshToken, keyed(key));
      expect([answer.status, outcome(answer)]).toEqual([400, 'rejected']);
      await service.renew(refreshToken);
    });

    it('of another session does not count', async () => {
      const [mine, hers] = [await signUp(), await signUp()];
      const second = await service.renew(mine.refreshToken);
      await service.renew(hers.refreshToken, keyed('her-very-own-key'));
      clock.advance('11s');
      await expectTheft(mine.refreshToken, second, keyed('her-very-own-key'));
    });
  });
});

describeOnEachDatabase('Every answer of /auth/refresh', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open();
  });

  it.each<[what: string, body: string | undefined, type: string, status: number]>([
    ['no body', undefined, 'application/json', 401],
    ['an empty object', '{}', 'application/json', 401],
    ['garbage for a token', '{"refreshToken":"garbage"}', 'application/json', 401],
    ['an empty token', '{"refreshToken":""}', 'application/json', 401],
    ['a token that is a number', '{"refreshToken":1}', 'application/json', 400],
    ['a token that is null', '{"refreshToken":null}', 'application/json', 400],
    ['an unknown member', '{"refreshToken":"x","y":1}', 'application/json', 400],
    ['broken JSON', '{"refreshToken":', 'application/json', 400],
    ['a list', '[]', 'application/json', 400],
    ['a form', 'refreshToken=x', 'application/x-www-form-urlencoded', 415],
    ['a huge body', `{"refreshToken":"${'x'.repeat(70_000)}"}`, 'application/json', 413],
  ])('says «rejected» to %s', async (_what, raw, type, status) => {
    const sending = raw === undefined ? {} : { raw, headers: { 'content-type': type } };
    const answer = await service.send('POST', '/auth/refresh', sending);
    expect([answer.status, outcome(answer)]).toEqual([status, 'rejected']);
  });

  it('says «rejected» to another method', async () => {
    const answer = await service.get('/auth/refresh');
    expectProblem(answer, 'method_not_allowed');
    expect(outcome(answer)).toBe('rejected');
  });

  it('names the member that is wrong', async () => {
    expectInvalid(await service.post('/auth/refresh', { refreshToken: 1 }), '/refreshToken');
    expectInvalid(await service.post('/auth/refresh', { token: 'x' }), '/token');
  });

  it('is the same, byte for byte, for unknown, malformed, expired, reused and revoked', async () => {
    const { clock } = service;
    const expired = renewed(await service.register());
    clock.advance('31d');
    const reused = renewed(await service.register());
    await service.renew((await service.renew(reused.refreshToken)).refreshToken);
    const revoked = renewed(await service.register());
    await service.post('/auth/logout', { refreshToken: revoked.refreshToken });
    const living = renewed(await service.register());
    const elsewhere = renewed(await (await suite.openFresh()).register());
    const presented = [
      'garbage',
      'a.b.c',
      withBrokenSignature(living.refreshToken),
      living.accessToken,
      elsewhere.refreshToken,
      expired.refreshToken,
      reused.refreshToken,
      reused.refreshToken,
      revoked.refreshToken,
    ];
    const seen = new Set<string>();
    for (const token of presented) {
      const answer = await service.refresh(token, { 'x-request-id': 'the-same-for-all' });
      expectProblem(answer, 'refresh_token_invalid');
      const headers = { ...answer.headers, date: undefined };
      seen.add(`${JSON.stringify(headers)}\n${answer.text}`);
    }
    expect([...seen]).toHaveLength(1);
    expect([...seen][0]).not.toContain('set-cookie');
    await service.renew(living.refreshToken);
  });
});

describeOnEachDatabase('The life of a session', (suite) => {
  let service: TestService;
  let clock: MovableClock;
  beforeAll(async () => {
    service = await suite.open();
    clock = service.clock;
  });

  it('ends to the second with the refresh token’s exp, without leeway', async () => {
    const [kept, late] = [renewed(await service.register()), renewed(await service.register())];
    const life = Number(decoded(kept.refreshToken).payload['exp']) - clock.seconds();
    expect(life).toBe(30 * 24 * 60 * 60);
    clock.advance(`${life - 2}s`);
    await service.renew(kept.refreshToken);
    clock.advance('3s');
    expectProblem(await service.refresh(late.refreshToken), 'refresh_token_invalid');
  });

  it('slides with each renewal, by REFRESH_TOKEN_TTL', async () => {
    let pair = renewed(await service.register());
    for (let month = 0; month < 5; month += 1) {
      clock.advance('29d');
      pair = await service.renew(pair.refreshToken);
      expect(pair.refreshExpiresIn).toBe(30 * 24 * 60 * 60);
    }
  });

  it('never slides past SESSION_MAX_AGE', async () => {
    let pair = renewed(await service.register());
    const end = clock.seconds() + 180 * 24 * 60 * 60;
    for (let step = 0; step < 8; step += 1) {
      clock.advance('20d');
      pair = await service.renew(pair.refreshToken);
      expect(decoded(pair.refreshToken).payload['exp']).toBeLessThanOrEqual(end);
    }
    clock.advance('19d');
    pair = await service.renew(pair.refreshToken);
    expect(pair.refreshExpiresIn).toBe(24 * 60 * 60);
    clock.advance(`${24 * 60 * 60 + 1}s`);
    expectProblem(await service.refresh(pair.refreshToken), 'refresh_token_invalid');
    expect((await service.login({ email: pair.user.email, password: PASSWORD })).status).toBe(200);
  });

  it('survives a clock that is set back', async () => {
    const first = renewed(await service.register());
    clock.setBack('2h');
    const second = await service.renew(first.refreshToken);
    clock.setBack('2h');
    const retry = await service.renew(first.refreshToken);
    expect(retry.refreshToken).toBe(second.refreshToken);
    const third = await service.renew(second.refreshToken);
    clock.advance('4h');
    await service.renew(third.refreshToken);
  });

  it('is over for its access tokens as well', async () => {
    const brief = await suite.openFresh({ REFRESH_TOKEN_TTL: '1m', ACCESS_TOKEN_TTL: '1m' });
    const pair = renewed(await brief.register());
    expect(pair.refreshExpiresIn).toBe(60);
    brief.clock.advance('61s');
    expectProblem(await brief.me(pair.accessToken), 'token_invalid');
  });
});

describeOnEachDatabase('A refresh token', (suite) => {
  const secret = 'thirty-two bytes at the least, ümläut included';
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({ REFRESH_TOKEN_SECRET: secret });
  });

  it('is a JWT of its own type with exactly these claims', async () => {
    const { refreshToken, sessionId, user } = renewed(await service.register());
    const { header, payload } = decoded(refreshToken);
    expect(header).toMatchObject({ alg: 'HS256', typ: 'rt+jwt' });
    const now = service.clock.seconds();
    expect(payload).toEqual({
      iss: service.url,
      aud: service.url,
      sub: user.id,
      sid: sessionId,
      gen: 0,
      jti: expect.any(String),
      iat: now,
      exp: now + 30 * 24 * 60 * 60,
    });
  });

  it('is signed with the UTF-8 bytes of REFRESH_TOKEN_SECRET', async () => {
    const { refreshToken } = renewed(await service.register());
    const [header, payload] = refreshToken
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    expect(signedHs256(`${header}`, `${payload}`, secret)).toBe(refreshToken);
  });

  it('cannot be made by whoever has the secret alone', async () => {
    const { refreshToken } = renewed(await service.register());
    const { header, payload } = decoded(refreshToken);
    const gen = Number(payload['gen']) + 1;
    for (const changed of [{ gen }, { jti: 'guessed' }, { jti: '' }, { sub: 'somebody' }]) {
      const forged = signedHs256(header, { ...payload, ...changed }, secret);
      expectProblem(await service.refresh(forged), 'refresh_token_invalid');
    }
    await service.renew(refreshToken);
  });

  it.each<[string, object, object]>([
    ['without a type', { typ: undefined }, {}],
    ['with the type of an access token', { typ: 'at+jwt' }, {}],
    ['for another audience', {}, { aud: 'https://elsewhere.example' }],
    ['of another issuer', {}, { iss: 'https://elsewhere.example' }],
    ['without an end', {}, { exp: undefined }],
    ['with an end in words', {}, { exp: 'never' }],
    ['with a later end', {}, { exp: 9_999_999_999, jti: 'x' }],
    ['with a negative generation', {}, { gen: -1 }],
    ['with a generation in words', {}, { gen: '0' }],
    ['without a session', {}, { sid: undefined }],
    ['with an object for a session', {}, { sid: { $gt: '' } }],
  ])('%s is refused, although well signed', async (_what, inHeader, inPayload) => {
    const { refreshToken } = renewed(await service.register());
    const { header, payload } = decoded(refreshToken);
    const forged = signedHs256({ ...header, ...inHeader }, { ...payload, ...inPayload }, secret);
    expectProblem(await service.refresh(forged), 'refresh_token_invalid');
    await service.renew(refreshToken);
  });

  it('leaves nothing of itself in the database, and one row however often it is renewed', async () => {
    const fresh = await suite.openFresh();
    let pair = renewed(await fresh.register());
    const seen = [pair.refreshToken];
    for (let round = 0; round < 10; round += 1) {
      pair = await fresh.renew(pair.refreshToken);
      seen.push(pair.refreshToken);
    }
    const rows = await fresh.database.query('select * from sessions');
    expect(rows).toHaveLength(1);
    const stored = JSON.stringify([...rows, ...(await fresh.database.query('select * from keys'))]);
    for (const token of seen) {
      const [, , signature = token] = token.split('.');
      expect(stored).not.toContain(signature);
      expect(stored).not.toContain(String(decoded(token).payload['jti']));
    }
  });

  it('is no access token, and an access token is no refresh token', async () => {
    const { accessToken, refreshToken } = renewed(await service.register());
    const asBearer = await service.me(refreshToken);
    expectProblem(asBearer, 'token_invalid');
    expectProblem(await service.refresh(accessToken), 'refresh_token_invalid');
    await service.renew(refreshToken);
    expect((await service.me(accessToken)).status).toBe(200);
  });

  it('survives a restart, and a node that has the same database', async () => {
    const { refreshToken } = renewed(await service.register());
    const other = await suite.open({ REFRESH_TOKEN_SECRET: secret, PUBLIC_URL: service.url });
    await other.renew(refreshToken);
  });
});
