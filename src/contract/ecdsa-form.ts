import { decodeBase64url, encodeBase64url } from './base64url.js';

/*
 * If (r, s) is an ECDSA signature, so is (r, n - s): anybody can turn one text of a token into another.
 * We make and take only the one with the lower s.
 */

interface Curve {
  /** Bytes of r and of s (RFC 7518 §3.4). */
  size: number;
  order: bigint;
  half: bigint;
}

const CURVES: ReadonlyMap<string, Curve> = new Map([
  ['ES256', curve('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')],
  [
    'ES384',
    curve(
      'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    ),
  ],
]);

function curve(order: string): Curve {
  const n = BigInt(`0x${order}`);
  return { size: order.length / 2, order: n, half: n / 2n };
}

/** A big-endian number (RFC 7518 §3.4). */
function numberOf(bytes: Uint8Array): bigint {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return BigInt(`0x${hex}`);
}

function write(value: bigint, bytes: Uint8Array): void {
  let rest = value;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/**
 * Whether an ECDSA signature has the length of its algorithm and the lower s. True for other algorithms.
 * It does NOT check the signature itself.
 */
export function isLowS(signature: Uint8Array, algorithm: string): boolean {
  const found = CURVES.get(algorithm);
  if (found === undefined) return true;
  if (signature.length !== 2 * found.size) return false;
  return numberOf(signature.subarray(found.size)) <= found.half;
}

/** The same token with the lower s. Tokens of other algorithms stay as they are. */
export function withLowS(token: string, algorithm: string): string {
  const found = CURVES.get(algorithm);
  if (found === undefined) return token;
  const start = token.lastIndexOf('.') + 1;
  const signature = decodeBase64url(token.slice(start));
  if (signature === undefined || isLowS(signature, algorithm)) return token;
  const s = signature.subarray(found.size);
  write(found.order - numberOf(s), s);
  return token.slice(0, start) + encodeBase64url(signature);
}
