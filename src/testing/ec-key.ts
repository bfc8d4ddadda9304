import { createECDH, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** Bytes of a coordinate of P-256. */
const SIZE = 32;

/**
 * A new key pair for ES256, made in one go. Not by `generateKeyPairSync`: on Node 20, exporting its keys right after may
 * block the process for ever.
 */
export function makeEcKeyPair(): { privateKey: KeyObject; publicKey: KeyObject } {
  const ecdh = createECDH('prime256v1');
  const point = ecdh.generateKeys();
  const secret = ecdh.getPrivateKey();
  const d = Buffer.concat([Buffer.alloc(SIZE - secret.length), secret]);
  const key = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 1 + SIZE).toString('base64url'),
    y: point.subarray(1 + SIZE).toString('base64url'),
  };
  const privateKey = createPrivateKey({
    key: { ...key, d: d.toString('base64url') },
    format: 'jwk',
  });
  return { privateKey, publicKey: createPublicKey({ key, format: 'jwk' }) };
}
