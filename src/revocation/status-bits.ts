import { constants, deflateSync } from 'node:zlib';

/**
 * Writes a status list with one bit a token (draft-ietf-oauth-status-list §4.1 and §4.2).
 *
 * @param set the places whose bit is 1 (INVALID). All must be below `size`.
 * @param size how many bits there are; a multiple of 8.
 * @returns the member `lst`.
 */
export function encodeBits(set: Iterable<number>, size: number): string {
  const bytes = Buffer.alloc(size / 8);
  for (const place of set) {
    const at = place >> 3;
    bytes[at] = (bytes[at] ?? 0) | (1 << (place & 7));
  }
  return deflateSync(bytes, { level: constants.Z_BEST_COMPRESSION }).toString('base64url');
}
