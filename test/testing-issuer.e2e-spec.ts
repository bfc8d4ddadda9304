import { createRemoteJWKSet, jwtVerify } from 'jose';
import {
  createTestIssuer,
  createTestLatchkey,
  type Defect,
  DEFECTS,
  type TestIssuer,
  type TestLatchkey,
} from 'latchkey/testing';
import { createVerifier, TokenError, type Verifier } from 'latchkey/resource-server/core';
import { wrongAccessClaim, wrongServiceClaim } from '../src/contract/claim-types.js';
import { decoded, type Json } from '../src/testing/forged-jwt.js';
import { isSet } from './support/status-list.js';

/** What a resource server has to do with, whoever it is. */
interface Issuer {
  issuer: string;
  audience: string;
  token(): Promise<string>;
  serviceToken(): Promise<string>;
  spoil(token: string, defect: Defect): Promise<string>;
  revoke(sid: string): Promise<void>;
  rotate(): Promise<void>;
  /** `Authorization` of a client that may introspect. */
  client: string;
  close(): Promise<void>;
}

async function kitIssuer(): Promise<Issuer> {
  const kit: TestIssuer = await createTestIssuer();
  return {
    issuer: kit.issuer,
    audience: kit.issuer,
    token: async () => kit.token(),
    serviceToken: async () => kit.serviceToken(),
    spoil: async (token, defect) => kit.token(decoded(token).payload, defect),
    revoke: async (sid) => kit.revoke(sid),
    rotate: async () => kit.rotate(),
    client: basic('orders', 'any'),
    close: () => kit.close(),
  };
}

async function realService(): Promise<Issuer> {
  const latchkey: TestLatchkey = await createTestLatchkey();
  const { clientId, clientSecret } = await latchkey.createServiceClient();
  const client = basic(clientId, clientSecret);
  return {
    issuer: latchkey.baseUrl,
    audience: latchkey.baseUrl,
    token: async () => (await latchkey.signInAs()).tokens.accessToken,
    async serviceToken() {
      const answer = await fetch(`${latchkey.baseUrl}/oauth/token`, {
        method: 'POST',
        headers: { authorization: client },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const { access_token } = (await answer.json()) as { access_token: string };
      return access_token;
    },
    spoil: (token, defect) => latchkey.spoil(token, defect),
    revoke: (sid) => latchkey.revoke(sid),
    rotate: () => latchkey.rotateSigningKey(),
    client,
    close: () => latchkey.close(),
  };
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

/** Those that any library for JWTs refuses: the others take Latchkey's own rules. */
const SEEN_BY_ALL = Object.keys(DEFECTS).filter(
  (defect) => defect !== 'revoked' && defect !== 'issuedInFuture',
) as Defect[];

/** What our own verifier says about each, so that it is not refused for something else. */
const REASON: Record<Defect, string> = {
  expired: 'expired',
  notYetValid: 'nbf',
  issuedInFuture: 'issued in the future',
  wrongIssuer: 'iss',
  wrongAudience: 'aud',
  wrongType: 'typ',
  missingSubject: 'claim sub',
  missingExpiry: 'claim exp',
  unknownKey: 'unknown key',
  wrongKey: 'signature',
  keyInHeader: 'header members',
  algNone: 'not in compact form',
  hs256WithPublicKey: 'algorithm not of this key',
  badSignature: 'signature',
  tampered: 'signature',
  truncated: 'signature form',
  refreshToken: 'typ',
  revoked: 'revoked',
};

describe.each([
  ['createTestIssuer', kitIssuer],
  ['the service itself', realService],
])('What a resource server sees of %s', (_name, start) => {
  let issuer: Issuer;
  let verifier: Verifier;
  beforeAll(async () => {
    issuer = await start();
    verifier = createVerifier({
      issuer: issuer.issuer,
      audience: issuer.audience,
      revocation: { pollInterval: 0.5 },
    });
  });
  afterAll(async () => {
    verifier.close();
    await issuer.close();
  });

  const get = (path: string, init?: RequestInit) => fetch(`${issuer.issuer}${path}`, init);
  const json = async (path: string) => (await (await get(path)).json()) as Json;

  const DOCUMENTS = [
    ['/.well-known/oauth-authorization-server', 'application/json; charset=utf-8', 300],
    ['/.well-known/openid-configuration', 'application/json; charset=utf-8', 300],
    ['/.well-known/jwks.json', 'application/json; charset=utf-8', 300],
    ['/.well-known/status-lists/0', 'application/statuslist+jwt', 1],
  ] as const;

  it.each(DOCUMENTS)('%s is %s, for anybody to keep for %i s', async (path, type, age) => {
    const answer = await get(path, { headers: { origin: 'https://elsewhere.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(type);
    expect(answer.headers.get('cache-control')).toBe(`public, max-age=${age}`);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('etag')).toMatch(/^(W\/)?"[\w-]{22}"$/);
  });

  it.each(DOCUMENTS)('%s is not sent again to who has it', async (path) => {
    const etag = (await get(path)).headers.get('etag') ?? '';
    const again = await get(path, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect(again.headers.get('etag')).toBe(etag);
    expect((await get(path, { method: 'HEAD' })).headers.get('etag')).toBe(etag);
  });

  it.each(['/.well-known/nothing', '/.well-known/status-lists/7', '/.well-known/status-lists/00'])(
    '%s is not there, and nobody keeps that',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    },
  );

  it('the metadata names the issuer byte for byte, the keys and introspection', async () => {
    const expected = {
      issuer: issuer.issuer,
      jwks_uri: `${issuer.issuer}/.well-known/jwks.json`,
      response_types_supported: [],
      introspection_endpoint: `${issuer.issuer}/oauth/introspect`,
    };
    expect(await json('/.well-known/oauth-authorization-server')).toMatchObject(expected);
    expect(await json('/.well-known/openid-configuration')).toMatchObject({
      ...expected,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });

  it('the keys are public ones for signatures, each under its thumbprint', async () => {
    const { keys } = (await json('/.well-known/jwks.json')) as { keys: Json[] };
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ alg: 'ES256', use: 'sig', kty: 'EC', crv: 'P-256' });
      expect(key['kid']).toMatch(/^[\w-]{43}$/);
    }
  });

  it('a user’s token has the header and the claims of the contract', async () => {
    const { header, payload } = decoded(await issuer.token());
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(wrongAccessClaim(payload)).toBeUndefined();
    expect(Object.keys(payload)).toEqual([
      'iss',
      'sub',
      'aud',
      'client_id',
      'iat',
      'exp',
      'jti',
      'sid',
      'auth_time',
      'amr',
      'roles',
      'scope',
      'status',
    ]);
    expect(payload).toMatchObject({
      iss: issuer.issuer,
      aud: issuer.audience,
      client_id: 'latchkey',
      amr: ['pwd'],
      roles: ['user'],
    });
  });

  it('a service’s token has those of a client and nothing of a user', async () => {
    const { header, payload } = decoded(await issuer.serviceToken());
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(wrongServiceClaim(payload)).toBeUndefined();
    expect(await verifier.verify(await issuer.serviceToken())).toMatchObject({
      sub: payload['client_id'],
    });
  });

  it('latchkey/resource-server and jose take a good token', async () => {
    const token = await issuer.token();
    expect(await verifier.verify(token)).toEqual(decoded(token).payload);
    await expect(byJose(token)).resolves.toEqual(decoded(token).payload);
  });

  it.each(Object.keys(DEFECTS) as Defect[])(
    'latchkey/resource-server refuses the defect %s',
    async (defect) => {
      const good = await issuer.token();
      await verifier.verify(good);
      const bad = await issuer.spoil(good, defect);
      await comesTrue(() => refusal(verifier, bad), {
        code: 'token_invalid',
        reason: REASON[defect],
      });
    },
  );

  it.each(SEEN_BY_ALL)('jose refuses the defect %s', async (defect) => {
    const good = await issuer.token();
    await byJose(good);
    await expect(byJose(await issuer.spoil(good, defect))).rejects.toThrow();
  });

  it('the end of a session shows in the list that its token names, and in no other place', async () => {
    const [one, other] = [decoded(await issuer.token()), decoded(await issuer.token())];
    const [place, otherPlace] = [one, other].map(({ payload }) => placeIn(payload));
    await issuer.revoke(String(one.payload['sid']));
    const answer = await fetch(place?.uri ?? '');
    const list = decoded(await answer.text());
    expect(list.header).toEqual({ alg: 'ES256', typ: 'statuslist+jwt', kid: expect.any(String) });
    expect(Object.keys(list.payload)).toEqual(['iss', 'sub', 'iat', 'exp', 'ttl', 'status_list']);
    expect(list.payload).toMatchObject({
      iss: issuer.issuer,
      sub: place?.uri,
      status_list: { bits: 1 },
    });
    const { lst } = list.payload['status_list'] as { lst: string };
    expect([isSet(lst, place?.idx ?? -1), isSet(lst, otherPlace?.idx ?? -1)]).toEqual([
      true,
      false,
    ]);
  });

  it('introspection knows a live token from an ended one, and asks who asks', async () => {
    const token = await issuer.token();
    const { sub, sid } = decoded(token).payload;
    expect(await introspect(token)).toMatchObject({ active: true, sub, sid, iss: issuer.issuer });
    expect(await introspect('garbage')).toEqual({ active: false });
    await issuer.revoke(String(sid));
    expect(await introspect(token)).toEqual({ active: false });
    const body = new URLSearchParams({ token });
    const stranger = await get('/oauth/introspect', { method: 'POST', body });
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get('www-authenticate')).toMatch(/^Basic realm="latchkey"/);
    expect(await stranger.json()).toMatchObject({ error: 'invalid_client' });
  });

  it('after a rotation both keys are published, and tokens of both are good', async () => {
    const before = await issuer.token();
    const known = (await get('/.well-known/jwks.json')).headers.get('etag');
    await issuer.rotate();
    const after = await issuer.token();
    expect(decoded(after).header['kid']).not.toBe(decoded(before).header['kid']);
    expect((await get('/.well-known/jwks.json')).headers.get('etag')).not.toBe(known);
    const other = createVerifier({ issuer: issuer.issuer, audience: issuer.audience });
    for (const token of [before, after]) {
      expect(await other.verify(token)).toEqual(decoded(token).payload);
      expect(await byJose(token)).toEqual(decoded(token).payload);
    }
    other.close();
  });

  function byJose(token: string): Promise<unknown> {
    const keys = createRemoteJWKSet(new URL(`${issuer.issuer}/.well-known/jwks.json`));
    const { audience } = issuer;
    return jwtVerify(token, keys, {
      issuer: issuer.issuer,
      audience,
      typ: 'at+jwt',
      requiredClaims: ['sub', 'exp'],
    }).then(({ payload }) => payload);
  }

  async function introspect(token: string): Promise<unknown> {
    const answer = await get('/oauth/introspect', {
      method: 'POST',
      headers: { authorization: issuer.client },
      body: new URLSearchParams({ token }),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return answer.json();
  }
});

function placeIn(payload: Json): { idx: number; uri: string } {
  return (payload['status'] as { status_list: { idx: number; uri: string } }).status_list;
}

/** What the verifier refuses a token with; undefined when it takes it. */
async function refusal(verifier: Verifier, token: string): Promise<unknown> {
  try {
    await verifier.verify(token);
    return undefined;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { code: error.code, reason: error.reason };
  }
}

/** Status lists are polled: what they say shows a little later. */
async function comesTrue(look: () => Promise<unknown>, wanted: unknown): Promise<void> {
  const end = performance.now() + 5_000;
  while ((await look()) === undefined && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await look()).toEqual(wanted);
}
