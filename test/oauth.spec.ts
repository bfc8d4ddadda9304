import { describe, expect, it } from '@jest/globals';
import { readForm } from '../src/http/form.js';
import { isOAuthEndpoint, OAuthError, oauthError } from '../src/http/oauth-error.js';
import { malformed } from '../src/http/json-form.js';
import { presentedClient } from '../src/oauth/presented-client.js';
import { RevokedTokenRepository } from '../src/oauth/revoked-token.repository.js';
import { permittedScope, scopeList, ScopeExceeded } from '../src/tokens/scopes.js';
import { migrated } from './support/keys.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '9' };

describe('forms', () => {
  const read = (body: unknown) => Object.fromEntries(readForm({ headers: FORM, body }));

  it('decodes as RFC 6749 Appendix B says', () => {
    expect(read('a=%20%25%26%2B%C2%A3%E2%82%AC&b=x+y&c==&%64=')).toEqual({
      a: ' %&+£€',
      b: 'x y',
      c: '=',
    });
  });

  it('takes objects that other parsers made, without regard to their prototype', () => {
    expect(read(Object.assign(Object.create({ inherited: 'x' }), { a: '1', b: '' }))).toEqual({
      a: '1',
    });
  });

  it.each([[['a=1']], [{ a: ['1', '2'] }], [{ a: { b: '1' } }], [7], ['a=1&a=1'], ['a=\0']])(
    'refuses %j',
    (body) => {
      expect(() => read(body)).toThrow(expect.objectContaining({ code: 'malformed_request' }));
    },
  );
});

describe('the client that a request presents', () => {
  const basic = (text: string) => ({
    authorization: `basic ${Buffer.from(text).toString('base64')}`,
  });

  it.each([
    ['orders:s3cret', { id: 'orders', secret: 's3cret' }],
    ['a%3Ab:x%20y', { id: 'a:b', secret: 'x y' }],
    ['a+b:x:y', { id: 'a b', secret: 'x:y' }],
    ['latchkey:', { id: 'latchkey', secret: undefined }],
  ])('reads %s', (text, expected) => {
    expect(presentedClient(basic(text), new Map())).toEqual(expected);
  });

  it('finds none where there is none', () => {
    expect(presentedClient({}, new Map([['client_secret', 'x']]))).toBeUndefined();
    expect(presentedClient({ authorization: 'Basically x' }, new Map())).toBeUndefined();
  });
});

describe('scopes', () => {
  it('are a list of names, each once', () => {
    expect(scopeList('b a  b')).toEqual(['b', 'a']);
    for (const wrong of ['a"b', 'a\\b', 'a\tb', 'ä']) expect(scopeList(wrong)).toBeUndefined();
  });

  it('are given in the order of what is granted, and never beyond', () => {
    expect(permittedScope(['a', 'b', 'c'])).toBe('a b c');
    expect(permittedScope(['a', 'b', 'c'], ['c', 'a'])).toBe('a c');
    expect(() => permittedScope(['a'], ['a', 'b'])).toThrow(ScopeExceeded);
  });
});

describe('errors of OAuth', () => {
  it.each([
    ['/oauth/token', true],
    ['/oauth/%74oken?x=1', true],
    ['http://any.example/prefix/oauth/revoke#x', true],
    ['/oauth/token/', false],
    ['/auth/login?next=/oauth/token', false],
    ['/x#/oauth/token', false],
    ['/%zz/oauth/token', false],
  ])('are for the endpoints alone: %s', (url, expected) => {
    expect(isOAuthEndpoint(url)).toBe(expected);
  });

  it('describe themselves in the characters of RFC 6749 §5.2', () => {
    const { body } = oauthError(malformed('a "quote", a \\ and an ä'));
    expect(body).toEqual({
      error: 'invalid_request',
      error_description: "a 'quote', a ? and an ?",
    });
  });

  it('keep their headers beside the challenge', () => {
    const { extra } = new OAuthError('invalid_client', 'No.', { headers: { 'X-Any': '1' } });
    expect(extra.headers).toEqual({
      'WWW-Authenticate': 'Basic realm="latchkey", charset="UTF-8"',
      'X-Any': '1',
    });
  });
});

it('revocations of service tokens are kept until they have expired, and may come twice', async () => {
  const database = await migrated();
  const rows = new RevokedTokenRepository();
  for (const id of ['old', 'old', 'new']) {
    await database.write((db) => rows.insert(db, id, id === 'old' ? 1_000 : 3_000));
  }
  const kept = (id: string) => database.read((db) => rows.has(db, id));
  expect([await kept('old'), await kept('new'), await kept('other')]).toEqual([true, true, false]);
  const removed = await database.write((db) => rows.removeExpired(db, 2_000, 100));
  expect([removed, await kept('old'), await kept('new')]).toEqual([1, false, true]);
  await database.close();
});
