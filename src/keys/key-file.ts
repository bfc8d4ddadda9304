import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ConfigurationError } from '../configuration-error.js';
import type { SigningAlgorithm } from '../contract/claims.js';
import { readTextFile } from '../text-file.js';
import { algorithmOf, publicJwk, type PublicJwk, publicPart } from './key-material.js';

/** A key of a file. */
export interface FileKey {
  /** The private key, or the public one where the file has no more. */
  key: KeyObject;
  publicKey: KeyObject;
  jwk: PublicJwk;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/**
 * Reads `SIGNING_KEY_FILE`: PEM blocks of private and public keys. The first private key comes first in
 * the result; the others keep their order. A key that is in the file twice comes once.
 *
 * @throws ConfigurationError that names the setting and never repeats content.
 */
export function readKeyFile(path: string, algorithm: SigningAlgorithm): FileKey[] {
  const keys = blocks(path).map((pem) => fileKey(pem, algorithm));
  const signing = keys.find(({ key }) => key.type === 'private');
  if (signing === undefined) return refuse('holds no private key');
  if (signing.jwk.alg !== algorithm) {
    return refuse(`begins with a private key that is not for ACCESS_TOKEN_ALG=${algorithm}`);
  }
  const distinct = new Map([[signing.jwk.kid, signing]]);
  for (const key of keys) if (!distinct.has(key.jwk.kid)) distinct.set(key.jwk.kid, key);
  return [...distinct.values()];
}

function blocks(path: string): string[] {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'cannot be read');
  }
  return [...text.matchAll(BLOCK)]
    .filter(([, label]) => label !== 'EC PARAMETERS')
    .map(([block]) => block);
}

function fileKey(pem: string, algorithm: SigningAlgorithm): FileKey {
  const key = parse(pem);
  const alg = algorithmOf(key, algorithm);
  if (alg === undefined) {
    return refuse('holds a key that is none of: EC P-256, EC P-384, RSA of 2048 bits or more');
  }
  const publicKey = publicPart(key);
  return { key, publicKey, jwk: publicJwk(publicKey, alg) };
}

function parse(pem: string): KeyObject {
  try {
    return pem.includes('PRIVATE KEY-----') ? createPrivateKey(pem) : createPublicKey(pem);
  } catch {
    return refuse('holds a block that is no unencrypted PEM key');
  }
}

function refuse(why: string): never {
  throw new ConfigurationError([`SIGNING_KEY_FILE ${why}`]);
}
