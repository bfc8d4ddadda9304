/*
 * If (r, s) is an ECDSA signature, so is (r, n - s): anybody can turn one text of a token into another.
 * We make and take only the one with the lower s.
 */

interface Curve {
  /** Bytes of r and of s (RFC 7518 §3.4). */
  size: number;
  order: bigint;
  half: Buffer;
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
  return { size: order.length / 2, order: n, half: bytes(n / 2n, order.length / 2) };
}

function bytes(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
}

/**
 * Whether an ECDSA signature has the length of its algorithm and the lower s. True for other algorithms.
 * It does NOT check the signature itself.
 */
export function isLowS(signature: Buffer, algorithm: string): boolean {
  const found = CURVES.get(algorithm);
  if (found === undefined) return true;
  if (signature.length !== 2 * found.size) return false;
  return signature.compare(found.half, 0, found.size, found.size) <= 0;
}

/** The same token with the lower s. Tokens of other algorithms stay as they are. */
export function withLowS(token: string, algorithm: string): string {
  const found = CURVES.get(algorithm);
  if (found === undefined) return token;
  const start = token.lastIndexOf('.') + 1;
  const signature = Buffer.from(token.slice(start), 'base64url');
  if (isLowS(signature, algorithm)) return token;
  const s = BigInt(`0x${signature.toString('hex', found.size)}`);
  bytes(found.order - s, found.size).copy(signature, found.size);
  return token.slice(0, start) + signature.toString('base64url');
}
