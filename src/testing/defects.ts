import { createPublicKey, randomBytes } from 'node:crypto';
import { ACCESS_TOKEN_TYPE, REFRESH_TOKEN_TYPE } from '../contract/claims.js';
import { publicJwk, type SigningKey } from '../keys/key-material.js';
import { makeEcKeyPair } from './ec-key.js';
import {
  decoded,
  encoded,
  type Json,
  signedHs256,
  signedJwt,
  withBrokenSignature,
} from './forged-jwt.js';

/** What is wrong with a token. Each is the only fault of its token. */
export const DEFECTS = {
  expired: '`exp` is an hour ago',
  notYetValid: '`nbf` is in an hour',
  issuedInFuture: '`iat` is in an hour; most libraries for JWTs let it pass',
  wrongIssuer: '`iss` is another issuer',
  wrongAudience: '`aud` is another service',
  wrongType: '`typ` is `JWT`, as an ID token might have',
  missingSubject: 'there is no `sub`',
  missingExpiry: 'there is no `exp`: it would be good for ever',
  unknownKey: 'signed with a key that the issuer never had, under that key’s own `kid`',
  wrongKey: 'signed with another key, under the `kid` of the issuer’s',
  keyInHeader: 'signed with another key, which the header brings along as `jwk`',
  algNone: '`alg` is `none`, and there is no signature',
  hs256WithPublicKey: '`alg` is `HS256`, and the secret is the public key in PEM',
  badSignature: 'one character of the signature is another',
  tampered: 'the role `admin` was added after signing',
  truncated: 'the second half of the signature is missing',
  refreshToken: 'a refresh token in place of the access token',
  revoked:
    'its session has ended: the status list says so, at which libraries for JWTs do not look',
} as const;

export type Defect = keyof typeof DEFECTS;

/** Makes a token with a defect from the claims of a good one. */
type Forgery = (claims: Json & { iat: number }, key: SigningKey) => string;

const HOUR = 3600;

const FORGERIES: Record<Exclude<Defect, 'revoked'>, Forgery> = {
  expired: (claims, key) =>
    access({ ...claims, iat: claims.iat - 2 * HOUR, exp: claims.iat - HOUR }, key),
  notYetValid: (claims, key) => access({ ...claims, nbf: claims.iat + HOUR }, key),
  issuedInFuture: (claims, key) =>
    access({ ...claims, iat: claims.iat + HOUR, exp: claims.iat + 2 * HOUR }, key),
  wrongIssuer: (claims, key) => access({ ...claims, iss: 'https://issuer.example' }, key),
  wrongAudience: (claims, key) => access({ ...claims, aud: 'https://service.example' }, key),
  wrongType: (claims, key) => signedJwt({ ...header(key), typ: 'JWT' }, claims, key),
  missingSubject: (claims, key) => access({ ...claims, sub: undefined }, key),
  missingExpiry: (claims, key) => access({ ...claims, exp: undefined }, key),
  unknownKey: (claims) => access(claims, makeSigningKey()),
  wrongKey: (claims, key) => signedJwt(header(key), claims, makeSigningKey()),
  keyInHeader: (claims) => {
    const own = makeSigningKey();
    return signedJwt({ ...header(own), jwk: publicPartOf(own) }, claims, own);
  },
  algNone: (claims, key) => `${encoded({ ...header(key), alg: 'none' })}.${encoded(claims)}.`,
  hs256WithPublicKey: (claims, key) => {
    const pem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' });
    return signedHs256({ ...header(key), alg: 'HS256' }, claims, pem);
  },
  badSignature: (claims, key) => withBrokenSignature(access(claims, key)),
  tampered: (claims, key) => {
    const [head, , signature] = access(claims, key).split('.');
    return `${head}.${encoded({ ...claims, roles: ['user', 'admin'] })}.${signature}`;
  },
  truncated: (claims, key) => {
    const [head, payload, signature = ''] = access(claims, key).split('.');
    const bytes = Buffer.from(signature, 'base64url');
    return `${head}.${payload}.${bytes.toString('base64url', 0, bytes.length / 2)}`;
  },
  refreshToken: ({ iss, sub, sid, jti, iat }) => {
    const claims = { iss, aud: iss, sub, sid, gen: 0, jti, iat, exp: iat + 30 * 24 * HOUR };
    return signedHs256({ alg: 'HS256', typ: REFRESH_TOKEN_TYPE }, claims, randomBytes(32));
  },
};

/**
 * A token like this one, with one thing wrong.
 *
 * @param token a good access token.
 * @param key of the issuer.
 * @throws TypeError for `hs256WithPublicKey` where the key has no public part.
 */
export function withDefect(token: string, defect: Exclude<Defect, 'revoked'>, key: SigningKey) {
  const { payload } = decoded(token);
  return FORGERIES[defect]({ ...payload, iat: Number(payload['iat']) }, key);
}

/** An access token with these claims, whatever they are. */
export function access(claims: Json, key: SigningKey): string {
  return signedJwt(header(key), claims, key);
}

/** A new key for ES256. */
export function makeSigningKey(): SigningKey & { kid: string } {
  const { privateKey, publicKey } = makeEcKeyPair();
  return { kid: publicJwk(publicKey, 'ES256').kid, algorithm: 'ES256', privateKey };
}

export function publicPartOf({ privateKey }: SigningKey): ReturnType<typeof publicJwk> {
  return publicJwk(createPublicKey(privateKey), 'ES256');
}

function header({ algorithm, kid }: SigningKey): Json {
  return { alg: algorithm, typ: ACCESS_TOKEN_TYPE, ...(kid === undefined ? {} : { kid }) };
}
