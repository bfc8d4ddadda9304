import { createHmac, type JsonWebKey, KeyObject, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { LatchkeyOptions } from '../src/config.js';
import type { SigningAlgorithm } from '../src/contract/claims.js';
import type { RefreshTokenSource } from '../src/tokens/refresh-tokens.js';
import { readStrictJwt, TokenRejected } from '../src/tokens/strict-jwt.js';
import { withSignature } from './support/jwt.js';
import { HandClock, type KeyNode, migrated, startNode } from './support/keys.js';

const clock = new HandClock();
const nodes: KeyNode[] = [];
let node: KeyNode;

const subject = {
  user: {
    id: 'u1',
    email: 'ann@example.com',
    emailVerified: false,
    username: 'ann',
    name: null,
    roles: ['user', 'admin'],
  },
  session: { id: 's1', createdAt: clock.now() - 5_000 },
};
const session: RefreshTokenSource = {
  id: 's1',
  userId: 'u1',
  seed: 'c2VlZHNlZWRzZWVkc2VlZA',
  generation: 3,
  rotatedAt: clock.now() - 1_500,
  expiresAt: clock.now() + 60_000,
};

async function nodeWith(options: LatchkeyOptions): Promise<KeyNode> {
  const made = await startNode(await migrated(), clock, options);
  nodes.push(made);
  return made;
}

beforeAll(async () => {
  node = await nodeWith({});
});
afterAll(async () => {
  for (const { database } of nodes) await database.close();
});

const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url');
const decode = (part: string | undefined) => Buffer.from(part ?? '', 'base64url').toString();

/** Signs whatever text is given with the node's own key: only the form or the claims are wrong. */
function signed(
  header: string,
  payload: string,
  key: KeyObject = node.signing.current().privateKey,
) {
  const input = `${encode(header)}.${encode(payload)}`;
  for (;;) {
    const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    const token = `${input}.${encode(signature)}`;
    if ((signature[32] ?? 0) < 0x7f) return token;
  }
}

function parts(token: string): [header: string, payload: string, signature: string] {
  return token.split('.') as [string, string, string];
}

function headerText(change: object = {}): string {
  const kid = node.signing.current().kid;
  return JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid, ...change });
}

function claims(change: object = {}): Record<string, unknown> {
  const [, payload] = parts(node.access.mint(subject).token);
  return { ...(JSON.parse(decode(payload)) as object), ...change };
}

function forged(change: object): string {
  return signed(headerText(), JSON.stringify(claims(change)));
}

function reasonOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof TokenRejected) return error.reason;
    throw error;
  }
}

const nowSeconds = () => Math.floor(clock.now() / 1000);
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function twin(token: string): string {
  const [header, payload, signature] = parts(token);
  const bytes = Buffer.from(signature, 'base64url');
  const s = ORDER - BigInt(`0x${bytes.toString('hex', 32)}`);
  const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex');
  return `${header}.${payload}.${encode(Buffer.concat([bytes.subarray(0, 32), other]))}`;
}

function hmac(header: string, payload: string, key: string | Buffer): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

function pem(): string {
  const key = node.signing.find(node.signing.current().kid)?.key as KeyObject;
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

describe('an access token', () => {
  it('carries the claims of RFC 9068 and no personal data', () => {
    const { token, expiresIn } = node.access.mint(subject);
    const [header, payload] = parts(token);
    expect(JSON.parse(decode(header))).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: node.signing.current().kid,
    });
    const read = JSON.parse(decode(payload)) as Record<string, unknown>;
    expect(read).toEqual({
      iss: 'http://localhost:3000',
      sub: 'u1',
      aud: 'http://localhost:3000',
      client_id: 'latchkey',
      iat: nowSeconds(),
      exp: nowSeconds() + expiresIn,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sid: 's1',
      auth_time: nowSeconds() - 5,
      amr: ['pwd'],
      roles: ['user', 'admin'],
      scope: 'users:read users:write',
    });
    expect(node.access.verify(token)).toEqual(read);
  });

  it('carries what ACCESS_TOKEN_CLAIMS lists, where the user has it', async () => {
    const other = await nodeWith({ accessTokenClaims: ['email', 'username', 'name'] });
    const read = other.access.verify(other.access.mint(subject).token);
    expect(read).toMatchObject({
      email: 'ann@example.com',
      email_verified: false,
      username: 'ann',
    });
    expect(read).not.toHaveProperty('name');
  });

  it('gives no scopes to roles that are named like members of every object', () => {
    const user = { ...subject.user, roles: ['constructor', '__proto__', 'toString'] };
    const { token } = node.access.mint({ ...subject, user });
    expect(node.access.verify(token).scope).toBe('');
  });

  it('names a list of audiences where several are configured, and takes each', async () => {
    const other = await nodeWith({ accessTokenAudience: ['orders', 'stock'] });
    const read = other.access.verify(other.access.mint(subject).token);
    expect(read.aud).toEqual(['orders', 'stock']);
    expect(() => other.access.checkClaims({ ...read, aud: ['other', 'stock'] })).not.toThrow();
  });

  it('lives up to 5 % shorter, and a second at least', async () => {
    const lives = new Set(Array.from({ length: 400 }, () => node.access.mint(subject).expiresIn));
    expect(Math.max(...lives)).toBeLessThanOrEqual(600);
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(570);
    expect(lives.size).toBeGreaterThan(10);
    const short = await nodeWith({ accessTokenTtl: '1s' });
    expect(short.access.mint(subject).expiresIn).toBe(1);
  });

  it.each<SigningAlgorithm>(['ES256', 'RS256', 'PS256', 'ES384'])(
    'signed with %s is verified by jose from the JWKS',
    async (algorithm) => {
      const other = await nodeWith({ accessTokenAlg: algorithm });
      const keys = createLocalJWKSet(other.signing.jwks() as JSONWebKeySet);
      for (let round = 0; round < 8; round += 1) {
        const { token } = other.access.mint(subject);
        const { protectedHeader } = await jwtVerify(token, keys, {
          issuer: other.config.publicUrl,
          audience: other.config.publicUrl,
          typ: 'at+jwt',
          currentDate: new Date(clock.now()),
        });
        expect(protectedHeader.alg).toBe(algorithm);
        expect(other.access.verify(token).sub).toBe('u1');
      }
    },
  );

  it('signed with HS256 has no kid and is verified with the bytes of ACCESS_TOKEN_SECRET', async () => {
    const secret = 'ünicode bytes that are shared with one service';
    const other = await nodeWith({ accessTokenAlg: 'HS256', accessTokenSecret: secret });
    const { token } = other.access.mint(subject);
    await jwtVerify(token, new TextEncoder().encode(secret), {
      currentDate: new Date(clock.now()),
    });
    expect(JSON.parse(decode(parts(token)[0]))).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(other.access.verify(token).sub).toBe('u1');
    expect(other.signing.jwks()).toEqual({ keys: [] });
    expect(reasonOf(() => other.access.verify(node.access.mint(subject).token))).toBe(
      'unknown key',
    );
  });
});

describe('a forged access token is refused', () => {
  const good = () => node.access.mint(subject).token;
  const payload = () => JSON.stringify(claims());
  const withKid = () => node.signing.current().kid;

  it('(the forger of these tests signs properly)', () => {
    expect(node.access.verify(forged({})).sub).toBe('u1');
    expect(node.access.verify(forged({ status: { any: 1 } })).sub).toBe('u1');
  });

  const table: [what: string, forge: () => string, reason: string][] = [
    ['empty', () => '', 'not in compact form'],
    ['too long', () => 'a'.repeat(20_000), 'length'],
    ['two parts', () => parts(good()).slice(0, 2).join('.'), 'not in compact form'],
    ['four parts', () => `${good()}.AA`, 'not in compact form'],
    ['a space', () => `${good()} `, 'not in compact form'],
    ['a line break', () => `${good()}\n`, 'not in compact form'],
    ['padding', () => `${good()}==`, 'not in compact form'],
    ['no signature', () => withSignature(good(), ''), 'not in compact form'],
    [
      'alg none',
      () => `${encode('{"alg":"none","typ":"at+jwt"}')}.${encode(payload())}.`,
      'not in compact form',
    ],
    [
      'alg none with a signature',
      () => good().replace(/^[^.]+/, encode(headerText({ alg: 'none' }))),
      'algorithm not of this key',
    ],
    [
      'non-canonical base64url of the signature',
      () =>
        good().replace(/.$/, (last) =>
          last === 'A' ? 'B' : String.fromCharCode(last.charCodeAt(0) + 1),
        ),
      'signature is not base64url',
    ],
    [
      'payload not UTF-8',
      () => `${encode(headerText())}.${encode(Buffer.from([0x22, 0xff, 0x22]))}.AAAA`,
      'payload is not UTF-8',
    ],
    ['header a list', () => signed('["ES256"]', payload()), 'header is no object'],
    ['payload null', () => signed(headerText(), 'null'), 'payload is no object'],
    [
      'payload no JSON',
      () => signed(headerText(), '{'),
      'payload is not JSON in its shortest form',
    ],
    [
      'header member twice',
      () => signed(headerText().replace('{', '{"alg":"none",'), payload()),
      'header is not JSON in its shortest form',
    ],
    [
      'payload member twice',
      () => signed(headerText(), payload().replace('{', '{"sub":"admin",')),
      'payload is not JSON in its shortest form',
    ],
    [
      'exp 1e400',
      () => signed(headerText(), payload().replace(/"exp":\d+/, '"exp":1e400')),
      'payload is not JSON in its shortest form',
    ],
    ['jwk in the header', () => signed(headerText({ jwk: {} }), payload()), 'header members'],
    [
      'crit in the header',
      () => signed(headerText({ crit: ['b64'] }), payload()),
      'header members',
    ],
    ['kid a number', () => signed(headerText({ kid: 1 }), payload()), 'header members'],
    ['kid missing', () => signed('{"alg":"ES256","typ":"at+jwt"}', payload()), 'unknown key'],
    ['kid unknown', () => signed(headerText({ kid: 'x'.repeat(43) }), payload()), 'unknown key'],
    ['typ JWT', () => signed(headerText({ typ: 'JWT' }), payload()), 'typ'],
    ['typ in capitals', () => signed(headerText({ typ: 'AT+JWT' }), payload()), 'typ'],
    [
      'alg of another key',
      () => signed(headerText({ alg: 'RS256' }), payload()),
      'algorithm not of this key',
    ],
    [
      'HS256 with the public key as secret',
      () => hmac(headerText({ alg: 'HS256' }), payload(), pem()),
      'algorithm not of this key',
    ],
    [
      'another payload',
      () => good().replace(/\.[^.]+\./, `.${encode(JSON.stringify(claims({ sub: 'u2' })))}.`),
      'signature',
    ],
    ['the twin signature', () => twin(good()), 'signature form'],
    [
      'a short signature',
      () => withSignature(good(), encode(Buffer.alloc(63, 1))),
      'signature form',
    ],
    ['a zero signature', () => withSignature(good(), encode(Buffer.alloc(64))), 'signature'],
    ['iss of another', () => forged({ iss: 'http://localhost:3000/' }), 'iss'],
    ['aud of another', () => forged({ aud: 'orders' }), 'aud'],
    ['aud an empty list', () => forged({ aud: [] }), 'aud'],
    ['aud a number', () => forged({ aud: 1 }), 'claim aud'],
    ['aud a mixed list', () => forged({ aud: ['http://localhost:3000', 1] }), 'claim aud'],
    ['sub missing', () => forged({ sub: undefined }), 'claim sub'],
    ['sub empty', () => forged({ sub: '' }), 'claim sub'],
    ['sid missing', () => forged({ sid: undefined }), 'claim sid'],
    ['jti a number', () => forged({ jti: 1 }), 'claim jti'],
    ['client_id missing', () => forged({ client_id: undefined }), 'claim client_id'],
    ['roles a string', () => forged({ roles: 'admin' }), 'claim roles'],
    ['scope a list', () => forged({ scope: ['a'] }), 'claim scope'],
    ['amr a string', () => forged({ amr: 'pwd' }), 'claim amr'],
    ['auth_time a fraction', () => forged({ auth_time: 1.5 }), 'claim auth_time'],
    ['exp a string', () => forged({ exp: String(nowSeconds() + 100) }), 'claim exp'],
    ['exp missing', () => forged({ exp: undefined }), 'claim exp'],
    ['nbf a string', () => forged({ nbf: '0' }), 'claim nbf'],
    ['email a list', () => forged({ email: [] }), 'claim email'],
    ['expired by the leeway', () => forged({ exp: nowSeconds() - 30 }), 'expired'],
    ['issued beyond the leeway', () => forged({ iat: nowSeconds() + 31 }), 'issued in the future'],
    ['not yet valid', () => forged({ nbf: nowSeconds() + 31 }), 'nbf'],
    ['a refresh token', () => node.refresh.mint(session).token, 'typ'],
    [
      'a refresh token under the other type',
      () => hmac('{"alg":"HS256","typ":"at+jwt"}', payload(), node.working.refreshKey().export()),
      'unknown key',
    ],
  ];

  it.each(table)('%s', (_what, forge, reason) => {
    expect(withKid()).toHaveLength(43);
    expect(reasonOf(() => node.access.verify(forge()))).toBe(reason);
  });

  it('but taken at the very edge of the leeway', () => {
    expect(node.access.verify(forged({ exp: nowSeconds() - 29 })).sub).toBe('u1');
    expect(node.access.verify(forged({ iat: nowSeconds() + 30 })).sub).toBe('u1');
    expect(node.access.verify(forged({ nbf: nowSeconds() + 30 })).sub).toBe('u1');
  });

  it('nested as deeply as it can be', () => {
    const deep = encode(`{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`);
    const token = `${encode(headerText())}.${deep}.${encode(Buffer.alloc(64, 1))}`;
    expect(reasonOf(() => node.access.verify(token))).toBeDefined();
  });

  it('when anything but text comes', () => {
    for (const value of [undefined, null, 7, {}, ['a.b.c']]) {
      expect(reasonOf(() => readStrictJwt(value))).toBe('length');
    }
  });

  it('with any single character changed', () => {
    const token = good();
    for (let at = 0; at < token.length; at += 3) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(reasonOf(() => node.access.verify(changed))).toBeDefined();
    }
  });
});

describe('a signature', () => {
  it.each<[SigningAlgorithm, number]>([
    ['ES256', 32],
    ['ES384', 48],
  ])('of %s is always the lower of its two forms', async (algorithm, size) => {
    const other = await nodeWith({ accessTokenAlg: algorithm });
    for (let round = 0; round < 30; round += 1) {
      const { token } = other.access.mint(subject);
      const bytes = Buffer.from(parts(token)[2], 'base64url');
      expect(bytes).toHaveLength(2 * size);
      expect(bytes[size]).toBeLessThanOrEqual(0x7f);
      expect(other.access.verify(token).sub).toBe('u1');
    }
  });
});

describe('a refresh token', () => {
  const key = () => node.working.refreshKey().export();
  const HEADER = '{"alg":"HS256","typ":"rt+jwt"}';

  function refreshClaims(change: object = {}): string {
    const [, payload] = parts(node.refresh.mint(session).token);
    return JSON.stringify({ ...(JSON.parse(decode(payload)) as object), ...change });
  }

  /** A genuine token with so many bytes of its signature, and zeros where it has no more. */
  function cut(length: number): string {
    const [header, payload, signature] = parts(node.refresh.mint(session).token);
    const bytes = Buffer.alloc(length);
    Buffer.from(signature, 'base64url').copy(bytes);
    return `${header}.${payload}.${bytes.toString('base64url')}`;
  }

  it('is the same bytes for the same session row', () => {
    const first = node.refresh.mint(session);
    clock.move(1_000);
    expect(node.refresh.mint({ ...session }).token).toBe(first.token);
    expect(node.refresh.mint(session).expiresIn).toBe(first.expiresIn - 1);
    clock.move(-1_000);
    expect(decode(parts(first.token)[0])).toBe(HEADER);
    expect(decode(parts(first.token)[1])).toMatch(
      /^\{"iss":"[^"]+","aud":"[^"]+","sub":"u1","sid":"s1","gen":3,"jti":"[\w-]{22}","iat":\d+,"exp":\d+\}$/,
    );
  });

  it('matches its session, and no other, at no other generation', () => {
    const read = node.refresh.read(node.refresh.mint(session).token);
    expect(node.refresh.matches(read, session)).toBe(true);
    expect(node.refresh.matches(read, { ...session, seed: 'another' })).toBe(false);
    expect(node.refresh.matches(read, { ...session, id: 's2' })).toBe(false);
    expect(node.refresh.matches(read, { ...session, userId: 'u2' })).toBe(false);
    expect(node.refresh.matches({ ...read, gen: 4 }, session)).toBe(false);
    expect(node.refresh.matches({ ...read, jti: 'ü'.repeat(22) }, session)).toBe(false);
  });

  it('is signed with the bytes of REFRESH_TOKEN_SECRET where it is set', async () => {
    const secret = 'a refresh secret of thirty-two bytes and more';
    const other = await nodeWith({ refreshTokenSecret: secret });
    const { token } = other.refresh.mint(session);
    await jwtVerify(token, new TextEncoder().encode(secret), {
      currentDate: new Date(clock.now()),
    });
    expect(reasonOf(() => node.refresh.read(token))).toBe('signature');
  });

  it('may come from the future, but has no leeway at its end', () => {
    const later = hmac(HEADER, refreshClaims({ iat: nowSeconds() + 9_000 }), key());
    expect(node.refresh.read(later).gen).toBe(3);
    const exp = nowSeconds();
    expect(reasonOf(() => node.refresh.read(hmac(HEADER, refreshClaims({ exp }), key())))).toBe(
      'expired',
    );
  });

  it.each<[string, () => string, string]>([
    ['an access token', () => node.access.mint(subject).token, 'typ'],
    ['alg HS512', () => hmac('{"alg":"HS512","typ":"rt+jwt"}', refreshClaims(), key()), 'alg'],
    ['alg none', () => hmac('{"alg":"none","typ":"rt+jwt"}', refreshClaims(), key()), 'alg'],
    [
      'a kid',
      () => hmac('{"alg":"HS256","typ":"rt+jwt","kid":"x"}', refreshClaims(), key()),
      'kid',
    ],
    ['another key', () => hmac(HEADER, refreshClaims(), 'other'), 'signature'],
    ['the first byte of its signature', () => cut(1), 'signature'],
    ['the first 31 bytes of its signature', () => cut(31), 'signature'],
    ['a byte behind its signature', () => cut(33), 'signature'],
    ['no byte of its signature', () => cut(0), 'not in compact form'],
    ['iss of another', () => hmac(HEADER, refreshClaims({ iss: 'x' }), key()), 'iss'],
    ['aud of another', () => hmac(HEADER, refreshClaims({ aud: 'x' }), key()), 'aud'],
    ['aud a list', () => hmac(HEADER, refreshClaims({ aud: ['x'] }), key()), 'claim aud'],
    ['gen below zero', () => hmac(HEADER, refreshClaims({ gen: -1 }), key()), 'claim gen'],
    ['gen a text', () => hmac(HEADER, refreshClaims({ gen: '3' }), key()), 'claim gen'],
    [
      'a member twice',
      () => hmac(HEADER, refreshClaims().replace('{', '{"gen":9,'), key()),
      'payload is not JSON in its shortest form',
    ],
  ])('is refused: %s', (_what, forge, reason) => {
    expect(reasonOf(() => node.refresh.read(forge()))).toBe(reason);
  });
});

it('publishes nothing private', () => {
  const [jwk = {}] = node.signing.jwks().keys as JsonWebKey[];
  expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
});
