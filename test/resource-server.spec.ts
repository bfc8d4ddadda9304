import { createHmac, createPublicKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  createVerifier,
  type IssuerRequest,
  isUser,
  TokenError,
  type Verifier,
  type VerifierHooks,
  type VerifierOptions,
} from '../src/resource-server/core.js';
import { MovableClock } from '../src/testing/movable-clock.js';
import { TestIssuer, until } from './support/issuer.js';
import { base64url, type Json, withBrokenSignature, withSignature } from './support/jwt.js';

const JWKS = '/.well-known/jwks.json';
const LIST = '/.well-known/status-lists/0';

let issuer: TestIssuer;
const verifiers: Verifier[] = [];

beforeEach(async () => {
  issuer = await TestIssuer.start();
});
afterEach(async () => {
  for (const verifier of verifiers.splice(0)) verifier.close();
  await issuer.down();
});

function verifierFor(options: Partial<VerifierOptions> = {}): Verifier {
  const settings = { issuer: issuer.url, audience: 'orders', logger: false, ...options } as const;
  const verifier = createVerifier(settings);
  verifiers.push(verifier);
  return verifier;
}

/** Why a token is refused; `accepted` when it isn't. */
async function verdict(verifier: Verifier, token: string | undefined, demands = {}) {
  try {
    await verifier.verify(token, demands);
    return 'accepted';
  } catch (error) {
    if (error instanceof TokenError) return `${error.code}: ${error.reason}`;
    throw error;
  }
}

const pause = (seconds: number) => new Promise((wait) => setTimeout(wait, seconds * 1000));
const header = (change: Json = {}) =>
  JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: issuer.keys[0]?.kid, ...change });
const payload = (change: Json = {}) => JSON.stringify(issuer.claims(change));
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A `kid` that looks like Latchkey's. */
const thumbprint = () => randomBytes(32).toString('base64url');

/** The same token under the other of the two signatures that ECDSA has. */
function twin(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  const bytes = Buffer.from(token.slice(at), 'base64url');
  const s = ORDER - BigInt(`0x${bytes.toString('hex', 32)}`);
  bytes.write(s.toString(16).padStart(64, '0'), 32, 'hex');
  return token.slice(0, at) + bytes.toString('base64url');
}

/** Signed with HMAC under the text of the public key. */
function confused(): string {
  const jwk = issuer.keys[0]?.jwk ?? {};
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const input = `${base64url(header({ alg: 'HS256' }))}.${base64url(payload())}`;
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}

describe('a good token', () => {
  it('of a user resolves to its claims, frozen', async () => {
    const claims = await verifierFor().verify(issuer.userToken());
    expect(claims).toMatchObject({ sub: 'u1', sid: 's1', roles: ['user'] });
    expect(isUser(claims)).toBe(true);
    expect(() => isUser(claims) && claims.roles.push('admin')).toThrow(TypeError);
  });

  it('of a service is accepted too; it has no roles', async () => {
    const verifier = verifierFor();
    const claims = await verifier.verify(issuer.serviceToken(), { scopes: ['orders:read'] });
    expect(isUser(claims)).toBe(false);
    expect(await verdict(verifier, issuer.serviceToken(), { roles: ['user'] })).toBe(
      'forbidden: role',
    );
  });

  it('is accepted for any of our audiences', async () => {
    const verifier = verifierFor({ audience: ['stock', 'orders'] });
    expect(await verdict(verifier, issuer.userToken({ aud: ['other', 'stock'] }))).toBe('accepted');
  });

  it('is accepted up to the edge of 30 s of leeway', async () => {
    const verifier = verifierFor();
    const now = issuer.now();
    for (const change of [{ exp: now - 28 }, { iat: now + 28 }, { nbf: now + 28 }]) {
      expect(await verdict(verifier, issuer.userToken(change))).toBe('accepted');
    }
  });

  it('must have one of the roles and all of the scopes', async () => {
    const verifier = verifierFor();
    const token = issuer.userToken({ roles: ['user', 'editor'], scope: 'a b' });
    const demands = { roles: ['admin', 'editor'], scopes: ['b', 'a'] };
    expect(await verdict(verifier, token, demands)).toBe('accepted');
    expect(await verdict(verifier, token, { roles: ['admin'] })).toBe('forbidden: role');
    expect(await verdict(verifier, token, { scopes: ['a', 'c'] })).toBe('forbidden: scope');
  });
});

describe('a forged token is refused', () => {
  const good = () => issuer.userToken();
  const table: [what: string, forge: () => string | undefined, reason: string][] = [
    ['none at all', () => undefined, 'token_missing: no token'],
    ['empty', () => '', 'token_missing: no token'],
    ['too long', () => 'a'.repeat(20_000), 'length'],
    ['two parts', () => good().replace(/\.[^.]+$/, ''), 'not in compact form'],
    ['four parts', () => `${good()}.AA`, 'not in compact form'],
    ['a space', () => `${good()} `, 'not in compact form'],
    ['padding', () => `${good()}==`, 'not in compact form'],
    ['no signature', () => withSignature(good(), ''), 'not in compact form'],
    [
      'alg none',
      () => `${base64url(header({ alg: 'none' }))}.${base64url(payload())}.`,
      'not in compact form',
    ],
    [
      'alg none, signed',
      () => issuer.signText(header({ alg: 'none' }), payload()),
      'algorithm not of this key',
    ],
    ['HS256 with the public key', confused, 'algorithm not of this key'],
    ['another alg', () => issuer.signText(header({ alg: 'ES384' }), payload()), 'signature form'],
    ['typ JWT', () => issuer.signText(header({ typ: 'JWT' }), payload()), 'typ'],
    ['a refresh token', () => issuer.sign(issuer.claims(), 'rt+jwt'), 'typ'],
    ['a status list', () => issuer.statusList(), 'typ'],
    ['no kid', () => issuer.signText('{"alg":"ES256","typ":"at+jwt"}', payload()), 'unknown key'],
    ['unknown kid', () => issuer.signText(header({ kid: 'nobody' }), payload()), 'unknown key'],
    [
      'kid of a prototype',
      () => issuer.signText(header({ kid: 'constructor' }), payload()),
      'unknown key',
    ],
    [
      'a key in the header',
      () => issuer.signText(header({ jwk: {} }), payload()),
      'header members',
    ],
    ['crit', () => issuer.signText(header({ crit: ['exp'] }), payload()), 'header members'],
    [
      'a header member twice',
      () => issuer.signText(header().replace('{', '{"alg":"none",'), payload()),
      'header is not JSON in its shortest form',
    ],
    [
      'a claim twice',
      () => issuer.signText(header(), payload().replace('{', '{"sub":"admin",')),
      'payload is not JSON in its shortest form',
    ],
    [
      'exp 1e400',
      () => issuer.signText(header(), payload().replace(/"exp":\d+/, '"exp":1e400')),
      'payload is not JSON in its shortest form',
    ],
    [
      'a loose last character',
      () =>
        good().replace(/.$/, (last) =>
          last === 'A' ? 'B' : String.fromCharCode(last.charCodeAt(0) + 1),
        ),
      'signature is not base64url',
    ],
    ['the twin signature', () => twin(good()), 'signature form'],
    ['a changed signature', () => withBrokenSignature(good()), 'signature'],
    [
      'a changed payload',
      () => good().replace(/\.[^.]+\./, `.${base64url(payload({ sub: 'u2' }))}.`),
      'signature',
    ],
    ['another issuer', () => issuer.userToken({ iss: `${issuer.url}/` }), 'iss'],
    ['another audience', () => issuer.userToken({ aud: 'stock' }), 'aud'],
    ['no audience', () => issuer.userToken({ aud: [] }), 'aud'],
    ['aud a number', () => issuer.userToken({ aud: 7 }), 'claim aud'],
    ['sub a number', () => issuer.userToken({ sub: 7 }), 'claim sub'],
    ['sid a number', () => issuer.userToken({ sid: 7 }), 'claim sid'],
    ['sid null', () => issuer.userToken({ sid: null }), 'claim sid'],
    ['roles a text', () => issuer.userToken({ roles: 'admin' }), 'claim roles'],
    ['scope a list', () => issuer.userToken({ scope: ['a'] }), 'claim scope'],
    ['exp a text', () => issuer.userToken({ exp: '9999999999' }), 'claim exp'],
    ['exp missing', () => issuer.userToken({ exp: undefined }), 'claim exp'],
    ['iat missing', () => issuer.userToken({ iat: undefined }), 'claim iat'],
    ['nbf a text', () => issuer.userToken({ nbf: '0' }), 'claim nbf'],
    ['status a text', () => issuer.userToken({ status: 'fine' }), 'claim status'],
    [
      'a status index below zero',
      () => issuer.userToken({ status: { status_list: { idx: -1, uri: issuer.listUri() } } }),
      'claim status',
    ],
    [
      'a status list of somebody else',
      () => issuer.userToken({ status: { status_list: { idx: 1, uri: 'http://127.0.0.1:9/x' } } }),
      'status list',
    ],
    ['expired', () => issuer.userToken({ exp: issuer.now() - 30 }), 'expired'],
    ['from the future', () => issuer.userToken({ iat: issuer.now() + 40 }), 'issued in the future'],
    ['not yet valid', () => issuer.userToken({ nbf: issuer.now() + 40 }), 'nbf'],
    ['a service with roles', () => issuer.serviceToken({ roles: ['admin'] }), 'claim roles'],
    [
      'a service that is not its client',
      () => issuer.serviceToken({ sub: 'u1' }),
      'claim client_id',
    ],
  ];

  it.each(table)('%s', async (_what, forge, reason) => {
    const wanted = reason.includes('token_') ? reason : `token_invalid: ${reason}`;
    expect(await verdict(verifierFor(), forge())).toBe(wanted);
  });

  it('by an error that holds nothing of the token', async () => {
    const token = withBrokenSignature(issuer.userToken());
    const error = await verifierFor()
      .verify(token)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'token_invalid',
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer realm="latchkey", error="invalid_token"' },
    });
    const told = JSON.stringify(error) + String((error as Error).stack);
    for (const part of token.split('.')) expect(told).not.toContain(part);
  });
});

describe('remembered tokens', () => {
  it('are not verified again, and never past exp', async () => {
    const clock = new MovableClock();
    const seen: boolean[] = [];
    const hooks = { accepted: (event: { remembered: boolean }) => seen.push(event.remembered) };
    const verifier = verifierFor({ clock, hooks });
    const token = issuer.userToken({ exp: issuer.now() + 100 });
    for (const span of ['1s', '98s', '20s', '1s'] as const) {
      await verifier.verify(token);
      clock.advance(span);
    }
    expect(seen).toEqual([false, true, true, false]);
    clock.advance('60s');
    expect(await verdict(verifier, token)).toBe('token_invalid: expired');
  });

  it('are bounded', async () => {
    const verifier = verifierFor({ remember: 3 });
    for (let round = 0; round < 10; round += 1) await verifier.verify(issuer.userToken());
    expect(verifier.state().remembered).toBe(3);
  });

  it('are forgotten when a key is withdrawn', async () => {
    const verifier = verifierFor({ keyRefresh: 0.1 });
    const token = issuer.userToken();
    await verifier.verify(token);
    issuer.addKey();
    issuer.keys.shift();
    await until(async () => (await verdict(verifier, token)) === 'token_invalid: unknown key');
  });
});

describe('keys', () => {
  it('are fetched once for many calls, with the metadata', async () => {
    const verifier = verifierFor();
    await Promise.all(Array.from({ length: 50 }, () => verifier.verify(issuer.userToken())));
    expect(issuer.count('/.well-known/oauth-authorization-server')).toBe(1);
    expect(issuer.count(JWKS)).toBe(1);
  });

  it('of a flood of unknown kids cause one fetch', async () => {
    const verifier = verifierFor();
    await verifier.verify(issuer.userToken());
    const flood = Array.from({ length: 500 }, (_, at) =>
      verdict(verifier, issuer.signText(header({ kid: `made up ${at}` }), payload())),
    );
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['token_invalid: unknown key']));
    expect(issuer.count(JWKS)).toBe(2);
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
  });

  it('may be asked for again after the cool-down', async () => {
    const verifier = verifierFor({ keyCooldown: 0.2 });
    await verifier.verify(issuer.userToken());
    const unknown = issuer.signText(header({ kid: 'made up' }), payload());
    for (let round = 0; round < 3; round += 1) await verdict(verifier, unknown);
    expect(issuer.count(JWKS)).toBe(2);
    await pause(0.25);
    await verdict(verifier, unknown);
    expect(issuer.count(JWKS)).toBe(3);
  });

  it('may be rotated at once: a token of the new key is accepted', async () => {
    const verifier = verifierFor();
    const before = issuer.userToken();
    await verifier.verify(before);
    issuer.addKey();
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
    expect(await verdict(verifier, before)).toBe('accepted');
  });

  it('may be rotated again within the cool-down: tokens wait for the key', async () => {
    const verifier = verifierFor({ keyCooldown: 0.5 });
    await verifier.verify(issuer.userToken());
    issuer.addKey(thumbprint());
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
    issuer.addKey(thumbprint());
    const many = Array.from({ length: 20 }, () => verdict(verifier, issuer.userToken()));
    expect(new Set(await Promise.all(many))).toEqual(new Set(['accepted']));
    expect(issuer.count(JWKS)).toBe(3);
  });

  it('is not waited for by a token that would be refused with any key', async () => {
    const verifier = verifierFor({ keyCooldown: 3 });
    await verifier.verify(issuer.userToken());
    issuer.addKey(thumbprint());
    await verifier.verify(issuer.userToken());
    const old = payload({ exp: 1 });
    const token = issuer.signText(header({ kid: thumbprint() }), old);
    expect(await verdict(verifier, token)).toContain('expired');
    expect(issuer.count(JWKS)).toBe(2);
  });

  it('that could be ours are waited for by two hundred tokens at most', async () => {
    const verifier = verifierFor({ keyCooldown: 2 });
    await verifier.verify(issuer.userToken());
    const unknown = async () => {
      const token = issuer.signText(header({ kid: thumbprint() }), payload());
      expect(await verdict(verifier, token)).toBe('token_invalid: unknown key');
      return issuer.count(JWKS);
    };
    await unknown();
    const fetches = await Promise.all(Array.from({ length: 1_100 }, unknown));
    expect(fetches.filter((count) => count === 2)).toHaveLength(900);
    expect(fetches.filter((count) => count === 3)).toHaveLength(200);
  });

  it('rotated in stages fail no verification under load', async () => {
    const verifier = verifierFor({ keyRefresh: 0.2, revocation: { pollInterval: 0.2 } });
    const [old] = issuer.keys;
    const verdicts: Promise<string>[] = [];
    const load = setInterval(() => {
      const claims = issuer.claims();
      verdicts.push(verdict(verifier, issuer.sign(claims, 'at+jwt', signing)));
    }, 5);
    let signing = old;
    await pause(0.5);
    const next = issuer.addKey();
    await pause(0.5);
    signing = next;
    await pause(0.5);
    issuer.keys.shift();
    await pause(0.5);
    clearInterval(load);
    expect(verdicts.length).toBeGreaterThan(100);
    expect(new Set(await Promise.all(verdicts))).toEqual(new Set(['accepted']));
  });

  it('are refreshed in the background, without a body when they have not changed', async () => {
    const seen: IssuerRequest[] = [];
    verifierFor({ keyRefresh: 0.1, hooks: { requested: (event) => seen.push(event) } });
    await until(() => seen.filter(({ document }) => document === 'jwks').length >= 3);
    const outcomes = seen.filter(({ document }) => document === 'jwks').map((one) => one.outcome);
    expect(outcomes.slice(0, 3)).toEqual(['ok', 'unchanged', 'unchanged']);
  });

  it.each<[string, Json]>([
    ['for encryption', { use: 'enc' }],
    ['of an algorithm that is not allowed', { alg: 'HS256' }],
    ['without an algorithm', { alg: undefined }],
    ['of another type than its algorithm', { alg: 'RS256' }],
    ['off the curve', { x: 'AAAA' }],
  ])('%s are left out', async (_what, change) => {
    const [pair] = issuer.keys;
    Object.assign(pair?.jwk ?? {}, change);
    expect(await verdict(verifierFor(), issuer.userToken())).toBe('token_invalid: unknown key');
  });

  it.each([
    ['no JSON', '<html>'],
    ['no set', '{"keys":{}}'],
    ['too long', ' '.repeat(2 * 1024 * 1024)],
  ])('that are %s leave those that are there', async (_what, body) => {
    const verifier = verifierFor({ keyRefresh: 0.05 });
    const token = issuer.userToken();
    await verifier.verify(token);
    issuer.instead.set(JWKS, () => ({ body }));
    const before = issuer.count(JWKS);
    await until(() => issuer.count(JWKS) >= before + 2);
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
  });

  it('behind a redirect are not fetched', async () => {
    issuer.instead.set(JWKS, () => ({ status: 302, headers: { location: `${issuer.url}/other` } }));
    expect(await verdict(verifierFor(), issuer.userToken())).toMatch(/^issuer_unavailable/);
    expect(issuer.count('/other')).toBe(0);
  });

  it('of another issuer’s metadata are not used', async () => {
    const body = JSON.stringify({ issuer: 'https://other', jwks_uri: `${issuer.url}${JWKS}` });
    issuer.instead.set('/.well-known/oauth-authorization-server', () => ({ body }));
    expect(await verdict(verifierFor(), issuer.userToken())).toMatch(/^issuer_unavailable/);
  });
});

describe('while the issuer is away', () => {
  it('known keys serve', async () => {
    const verifier = verifierFor({ keyRefresh: 0.05 });
    await verifier.verify(issuer.userToken());
    await issuer.down();
    await pause(0.2);
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
  });

  it('an unknown key is no reason to sign anybody out: 503', async () => {
    const verifier = verifierFor();
    await verifier.verify(issuer.userToken());
    issuer.addKey();
    await issuer.down();
    const error = await verifier.verify(issuer.userToken()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'issuer_unavailable',
      status: 503,
      headers: { 'Retry-After': '5' },
    });
  });

  it('a verifier starts, and works as soon as the issuer is there', async () => {
    await issuer.down();
    const verifier = verifierFor();
    expect(await verdict(verifier, issuer.userToken())).toMatch(/^issuer_unavailable/);
    await issuer.up();
    await until(async () => (await verdict(verifier, issuer.userToken())) === 'accepted');
  });

  it('answers that hang are given up in time', async () => {
    const verifier = verifierFor({
      timeout: 0.2,
      fetch: (_url, init) =>
        new Promise((_give, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    });
    expect(await verdict(verifier, issuer.userToken())).toMatch(/^issuer_unavailable/);
  });
});

describe('a sign-out', () => {
  const often = { revocation: { pollInterval: 0.1, serveStale: 60 } };

  it('shows after the next poll, and no call waits for the issuer', async () => {
    const verifier = verifierFor(often);
    const [token, other] = [issuer.userToken({ idx: 7 }), issuer.userToken({ idx: 8 })];
    expect(await verdict(verifier, token)).toBe('accepted');
    const asked = issuer.count(LIST);
    for (let round = 0; round < 200; round += 1) await verifier.verify(token);
    expect(issuer.count(LIST) - asked).toBeLessThanOrEqual(3);
    issuer.ended.add(7);
    const began = Date.now();
    await until(async () => (await verdict(verifier, token)) === 'token_invalid: revoked');
    expect(Date.now() - began).toBeLessThan(1_100);
    expect(await verdict(verifier, other)).toBe('accepted');
    expect(issuer.count('/oauth/introspect')).toBe(0);
  });

  it('from before the verifier began shows at the first call', async () => {
    issuer.ended.add(131_072 + 3);
    const verifier = verifierFor(often);
    expect(await verdict(verifier, issuer.userToken({ idx: 131_072 + 3 }))).toBe(
      'token_invalid: revoked',
    );
    expect(await verdict(verifier, issuer.userToken({ idx: 3 }))).toBe('accepted');
  });

  it('costs a request without a body at each poll', async () => {
    const seen: IssuerRequest[] = [];
    const verifier = verifierFor({ ...often, hooks: { requested: (event) => seen.push(event) } });
    await verifier.verify(issuer.userToken({ idx: 7 }));
    const lists = () => seen.filter(({ document }) => document === 'status_list');
    await until(() => lists().length >= 4);
    expect(
      lists()
        .slice(0, 4)
        .map((one) => one.outcome),
    ).toEqual(['ok', 'unchanged', 'unchanged', 'unchanged']);
    expect(lists()[1]?.bytes).toBe(0);
  });

  it('is not taken back by a list that was signed earlier', async () => {
    const verifier = verifierFor(often);
    const token = issuer.userToken({ idx: 7 });
    issuer.ended.add(7);
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
    issuer.ended.delete(7);
    const lagging = issuer.statusList(0, { iat: issuer.now() - 100 });
    issuer.instead.set(LIST, () => ({ body: lagging }));
    const before = issuer.count(LIST);
    await until(() => issuer.count(LIST) >= before + 3);
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
  });

  it('is not known of where revocation is off', async () => {
    issuer.ended.add(7);
    const verifier = verifierFor({ revocation: false });
    expect(await verdict(verifier, issuer.userToken({ idx: 7 }))).toBe('accepted');
    expect(issuer.count(LIST)).toBe(0);
  });

  it('is looked for no longer than tokens refer to the list', async () => {
    const clock = new MovableClock();
    const verifier = verifierFor({ ...often, clock });
    await verifier.verify(issuer.userToken({ idx: 7 }));
    expect(verifier.state().statusLists).toHaveLength(1);
    clock.advance('700s');
    await until(() => verifier.state().statusLists.length === 0);
  });
});

describe('a status list that can not be had', () => {
  const policy = { revocation: { pollInterval: 0.05, serveStale: 0.5 } };

  it('is believed for a stated time, then its tokens are refused', async () => {
    const verifier = verifierFor(policy);
    const token = issuer.userToken({ idx: 7 });
    await verifier.verify(token);
    await issuer.down();
    await pause(0.2);
    expect(await verdict(verifier, token)).toBe('accepted');
    await pause(0.5);
    expect(await verdict(verifier, token)).toBe('issuer_unavailable: The status list is too old');
    await issuer.up();
    await until(async () => (await verdict(verifier, token)) === 'accepted');
  });

  it('from the first, is treated as one that has grown old', async () => {
    issuer.instead.set(LIST, () => ({ status: 503 }));
    const verifier = verifierFor(policy);
    const token = issuer.userToken({ idx: 7 });
    expect(await verdict(verifier, token)).toBe('accepted');
    await pause(0.7);
    expect(await verdict(verifier, token)).toMatch(/^issuer_unavailable/);
  });

  it.each([0, 60])(
    'that has expired is no list, although the issuer still confirms it (serveStale %i)',
    async (serveStale) => {
      const clock = new MovableClock();
      const expiring = issuer.statusList(0, { exp: issuer.now() + 5 });
      const asked: (string | undefined)[] = [];
      issuer.instead.set(LIST, () => ({ body: expiring, headers: { etag: '"1"' } }));
      const revocation = { pollInterval: 0.05, serveStale };
      const hooks: VerifierHooks = {
        requested: ({ document, outcome }) =>
          void (document === 'status_list' && asked.push(outcome)),
      };
      const verifier = verifierFor({ revocation, clock, hooks });
      const token = issuer.userToken({ idx: 7 });
      expect(await verdict(verifier, token)).toBe('accepted');
      await until(() => asked.includes('unchanged'));
      clock.advance('40s');
      asked.length = 0;
      await until(() => asked.length > 1);
      expect(asked).not.toContain('unchanged');
      expect(verifier.state().statusLists[0]?.loaded).toBe(false);
      if (serveStale > 0) return;
      expect(await verdict(verifier, token)).toMatch(/^issuer_unavailable/);
      issuer.instead.delete(LIST);
      await until(async () => (await verdict(verifier, token)) === 'accepted');
    },
  );

  it('that has expired keeps refusing those it said had ended', async () => {
    const clock = new MovableClock();
    issuer.ended.add(7);
    const expiring = issuer.statusList(0, { exp: issuer.now() + 5 });
    issuer.instead.set(LIST, () => ({ body: expiring }));
    const verifier = verifierFor({ ...policy, clock });
    const token = issuer.userToken({ idx: 7 });
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
    clock.advance('40s');
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
  });

  it('because the process stood still is asked for once before anybody is refused', async () => {
    const verifier = verifierFor({ revocation: { pollInterval: 0.2, serveStale: 0 } });
    const token = issuer.userToken({ idx: 7 });
    await verifier.verify(token);
    await pause(0.1);
    const before = issuer.count(LIST);
    standStill(1_500);
    const verdicts = await Promise.all([1, 2, 3].map(() => verdict(verifier, token)));
    expect(verdicts).toEqual(['accepted', 'accepted', 'accepted']);
    expect(issuer.count(LIST)).toBe(before + 1);
  });

  it('keeps refusing those it is known to have ended', async () => {
    issuer.ended.add(7);
    const verifier = verifierFor(policy);
    const token = issuer.userToken({ idx: 7 });
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
    await issuer.down();
    await pause(0.7);
    expect(await verdict(verifier, token)).toBe('token_invalid: revoked');
  });

  it.each<[string, () => string]>([
    ['of another list', () => issuer.statusList(1)],
    ['expired', () => issuer.statusList(0, { exp: issuer.now() - 31 })],
    ['from the future', () => issuer.statusList(0, { iat: issuer.now() + 60 })],
    ['without a time', () => issuer.statusList(0, { iat: undefined })],
    ['of another issuer', () => issuer.statusList(0, { iss: 'https://other' })],
    ['no list', () => issuer.statusList(0, { status_list: null })],
    ['of three bits', () => issuer.statusList(0, { status_list: { bits: 3, lst: 'eJwDAAAAAAE' } })],
    ['not deflated', () => issuer.statusList(0, { status_list: { bits: 1, lst: 'AAAA' } })],
    ['unsigned', () => withBrokenSignature(issuer.statusList())],
    ['an access token', () => issuer.userToken({ sub: issuer.listUri() })],
  ])('because it is %s, is not believed', async (_what, list) => {
    const verifier = verifierFor({ revocation: { pollInterval: 5, serveStale: 0 } });
    issuer.instead.set(LIST, () => ({ body: list() }));
    expect(await verdict(verifier, issuer.userToken({ idx: 7 }))).toMatch(/^issuer_unavailable/);
  });

  it('that is too short for a token is fetched again, then the token is refused', async () => {
    issuer.instead.set(LIST, () => ({ body: issuer.statusList(0, {}, 1) }));
    const verifier = verifierFor();
    expect(await verdict(verifier, issuer.userToken({ idx: 7 }))).toBe('accepted');
    const token = issuer.userToken({ idx: 8 });
    expect(await verdict(verifier, token)).toBe('token_invalid: not in the status list');
    expect(await verdict(verifier, token)).toBe('token_invalid: not in the status list');
    expect(issuer.count(LIST)).toBe(2);
  });
});

describe('a fresh check', () => {
  const client = { id: 'orders', secret: 'a:b c%' };
  const fresh = { fresh: true };

  it('asks the issuer at every call, as its client', async () => {
    const verifier = verifierFor({ client });
    const token = issuer.userToken();
    expect(await verdict(verifier, token, fresh)).toBe('accepted');
    issuer.active = false;
    expect(await verdict(verifier, token, fresh)).toBe('token_invalid: revoked');
    expect(await verdict(verifier, token)).toBe('accepted');
    expect(issuer.posted).toHaveLength(2);
    expect(issuer.posted[0]).toEqual({
      body: `token=${token}&token_type_hint=access_token`,
      authorization: `Basic ${Buffer.from('orders:a%3Ab+c%25').toString('base64')}`,
    });
  });

  it('asks nothing about what can be refused without', async () => {
    const verifier = verifierFor({ client });
    await verdict(verifier, withBrokenSignature(issuer.userToken()), fresh);
    await verdict(verifier, issuer.userToken(), { fresh: true, roles: ['admin'] });
    expect(issuer.posted).toHaveLength(0);
  });

  it('takes a service’s token on its signature: it has no session that could end', async () => {
    const verifier = verifierFor({ client });
    issuer.active = false;
    expect(await verdict(verifier, issuer.serviceToken(), fresh)).toBe('accepted');
  });

  it.each([
    ['is away', { status: 503 }],
    ['does not know us', { status: 401 }],
    ['talks nonsense', { body: '{"active":"yes"}' }],
  ])('is 503 while the issuer %s', async (_what, reply) => {
    const verifier = verifierFor({ client });
    issuer.instead.set('/oauth/introspect', () => reply);
    expect(await verdict(verifier, issuer.userToken(), fresh)).toMatch(/^issuer_unavailable/);
  });

  it('without a client is the application’s mistake, not the caller’s', async () => {
    const verifier = verifierFor();
    await expect(verifier.verify(issuer.userToken(), fresh)).rejects.toThrow(TypeError);
  });
});

describe('the verifier', () => {
  it('names every option that is wrong, and no value', () => {
    const wrong = () =>
      createVerifier({
        issuer: 'auth.example.com',
        audience: [],
        algorithms: ['HS256' as never],
        keyRefresh: 0,
        timeout: Number.NaN,
        realm: 'a "quoted" one',
        client: { id: 'orders', secret: '' },
      });
    expect(wrong).toThrow(TypeError);
    for (const name of [
      'issuer',
      'audience',
      'algorithms',
      'keyRefresh',
      'timeout',
      'realm',
      'client',
    ]) {
      expect(wrong).toThrow(name);
    }
    expect(wrong).not.toThrow('auth.example.com');
  });

  it('reaches the issuer under another address, for all that it names', async () => {
    const { url } = issuer;
    issuer.url = 'https://auth.example.com';
    const verifier = verifierFor({
      address: url,
      client: { id: 'orders', secret: 'x' },
      revocation: { pollInterval: 5, serveStale: 0 },
    });
    expect(await verdict(verifier, issuer.userToken({ idx: 7 }))).toBe('accepted');
    expect(await verdict(verifier, issuer.userToken(), { fresh: true })).toBe('accepted');
    expect([issuer.count(LIST), issuer.count('/oauth/introspect')]).toEqual([1, 1]);
  });

  it('tells its hooks what it has accepted, and what it has refused and why', async () => {
    const accepted: boolean[] = [];
    const refused: string[] = [];
    const verifier = verifierFor({
      hooks: {
        accepted: ({ remembered }) => accepted.push(remembered),
        refused: ({ code, reason }) => refused.push(`${code}: ${reason}`),
      },
    });
    const token = issuer.userToken();
    await verifier.verify(token);
    await verifier.verify(token);
    await verdict(verifier, undefined);
    await verdict(verifier, issuer.userToken({ aud: 'others' }));
    await verdict(verifier, token, { roles: ['admin'] });
    expect(accepted).toEqual([false, true]);
    expect(refused).toEqual(['token_missing: no token', 'token_invalid: aud', 'forbidden: role']);
  });

  it('lets no hook decide who gets in', async () => {
    const angry = () => {
      throw new Error('the metrics are broken');
    };
    const hooks = { accepted: angry, refused: angry, requested: angry };
    const verifier = verifierFor({ hooks });
    expect(await verdict(verifier, issuer.userToken())).toBe('accepted');
    expect(await verdict(verifier, undefined)).toBe('token_missing: no token');
  });

  it('asks for nothing more once it is closed', async () => {
    const verifier = verifierFor({ keyRefresh: 0.05, revocation: { pollInterval: 0.05 } });
    const token = issuer.userToken({ idx: 7 });
    await verifier.verify(token);
    verifier.close();
    await pause(0.05);
    const before = [...issuer.asked.values()];
    await pause(0.3);
    expect([...issuer.asked.values()]).toEqual(before);
    expect(await verdict(verifier, token)).toBe('accepted');
  });
});

/** Every module that a source file loads, of the project and of packages. */
function loads(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, 'utf8');
  const imports = text.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from '([^']+)'/gm);
  for (const [, name = ''] of imports) {
    if (name.startsWith('.')) loads(join(dirname(entry), name.replace(/\.js$/, '.ts')), seen);
    else seen.add(name);
  }
  return seen;
}

describe('what it loads', () => {
  const folder = resolve('src/resource-server');
  const packages = (entry: string) =>
    [...loads(join(folder, entry))].filter((name) => !name.startsWith('/')).sort();

  it('is the contract, jose and Nest: no database driver, no bcrypt', () => {
    expect(packages('index.ts')).toEqual([
      '@nestjs/common',
      '@nestjs/core',
      'jose',
      'node:module',
      'node:path',
      'node:timers',
      'node:url',
    ]);
  });

  it('without Nest is less still', () => {
    expect(packages('core.ts')).toEqual(['jose']);
  });

  it('of the project is the contract alone', () => {
    const own = [...loads(join(folder, 'index.ts'))].filter((name) => name.startsWith('/'));
    expect(own.every((file) => /\/src\/(contract|resource-server)\//.test(file))).toBe(true);
    expect(own.length).toBeGreaterThan(20);
  });
});

/** Blocks this process, as a debugger or a suspended machine would. @param delay milliseconds. */
function standStill(delay: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
}
