import { constants, createHmac, type KeyObject, sign } from 'node:crypto';
import type { SigningAlgorithm } from '../contract/claims.js';
import { withLowS } from '../contract/ecdsa-form.js';
import type { SigningKey } from '../keys/key-material.js';

export type Json = Record<string, unknown>;

/** The parts of a compact JWT. Checks nothing. */
export function decoded(token: string): { header: Json; payload: Json } {
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  return { header: JSON.parse(String(header)), payload: JSON.parse(String(payload)) };
}

/** A part as a token has it. */
export function encoded(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** A compact JWT, whatever its parts say: `alg` in the header need not be the key's. */
export function signedJwt(
  header: unknown,
  payload: unknown,
  { algorithm, privateKey }: SigningKey,
) {
  const input = `${encoded(header)}.${encoded(payload)}`;
  return withLowS(`${input}.${signature(input, algorithm, privateKey)}`, algorithm);
}

/** A compact JWT signed with HMAC SHA-256. */
export function signedHs256(header: unknown, payload: unknown, key: string | Buffer): string {
  const input = `${encoded(header)}.${encoded(payload)}`;
  return `${input}.${hmac(input, key)}`;
}

/** The same token with one character of its signature changed. */
export function withBrokenSignature(token: string): string {
  const at = token.lastIndexOf('.') + 5;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

function signature(input: string, algorithm: SigningAlgorithm, key: KeyObject): string {
  if (algorithm === 'HS256') return hmac(input, key);
  const hash = algorithm === 'ES384' ? 'sha384' : 'sha256';
  const how = {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(algorithm === 'PS256' ? PSS : {}),
  } as const;
  return sign(hash, Buffer.from(input), how).toString('base64url');
}

const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const;

function hmac(input: string, key: string | Buffer | KeyObject): string {
  return createHmac('sha256', key).update(input).digest('base64url');
}
