import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlgorithm } from '../contract/claims.js';

/** An algorithm with a key pair. */
export type PairAlgorithm = Exclude<SigningAlgorithm, 'HS256'>;

/** A public key as the JWKS lists it (RFC 7517 §4). */
export interface PublicJwk extends JsonWebKey {
  /** RFC 7638 thumbprint. */
  kid: string;
  alg: SigningAlgorithm;
  use: 'sig';
}

/** What signs. */
export interface SigningKey {
  /** undefined for HS256. */
  kid: string | undefined;
  algorithm: SigningAlgorithm;
  /** A secret key for HS256. */
  privateKey: KeyObject;
}

/** What verifies, with the only algorithm that may be used with it. */
export interface VerificationKey {
  /** undefined for HS256. */
  kid: string | undefined;
  algorithm: SigningAlgorithm;
  /** A public key; a secret one for HS256. */
  key: KeyObject;
}

const MODULUS_BITS = 2048;
const CURVES = new Map<string | undefined, PairAlgorithm>([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
]);
const generate = promisify(generateKeyPair);

/** Makes a private key off the main thread. */
export async function makePrivateKey(algorithm: PairAlgorithm): Promise<KeyObject> {
  if (algorithm === 'ES256' || algorithm === 'ES384') {
    const namedCurve = algorithm === 'ES256' ? 'P-256' : 'P-384';
    return (await generate('ec', { namedCurve })).privateKey;
  }
  return (await generate('rsa', { modulusLength: MODULUS_BITS })).privateKey;
}

/**
 * The algorithm that a key, public or private, can be used with.
 *
 * @param wanted decides between RS256 and PS256, which take the same keys.
 * @returns undefined for keys that Latchkey has no use for, RSA keys under 2048 bits among them.
 */
export function algorithmOf(key: KeyObject, wanted: SigningAlgorithm): PairAlgorithm | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ec') return CURVES.get(details?.namedCurve);
  if (key.asymmetricKeyType !== 'rsa' || (details?.modulusLength ?? 0) < MODULUS_BITS) {
    return undefined;
  }
  return wanted === 'PS256' ? 'PS256' : 'RS256';
}

export function publicPart(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** The JWK of a public key. */
export function publicJwk(key: KeyObject, alg: PairAlgorithm): PublicJwk {
  const jwk = key.export({ format: 'jwk' });
  return { ...jwk, kid: thumbprint(jwk), alg, use: 'sig' };
}

export function fromPkcs8(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

export function toPkcs8(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' });
}

/** RFC 7638 §3: SHA-256 over the required members in the order of their names. */
function thumbprint({ kty, crv, x, y, e, n }: JsonWebKey): string {
  const required = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n };
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}
