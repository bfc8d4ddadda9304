import { inflateSync } from 'node:zlib';

/** The claims of a status list token. */
export interface StatusList {
  iss: string;
  sub: string;
  iat: number;
  exp: number;
  ttl: number;
  status_list: { bits: number; lst: string };
  [claim: string]: unknown;
}

export function bitsOf(lst: string): Buffer {
  return inflateSync(Buffer.from(lst, 'base64url'));
}

/** Whether the bit at a place is set. */
export function isSet(lst: string, place: number): boolean {
  const byte = bitsOf(lst)[place >> 3];
  if (byte === undefined) throw new Error(`the list has no place ${place}`);
  return (byte & (1 << (place & 7))) !== 0;
}

/** The places whose bit is set. */
export function placesOf(lst: string): number[] {
  return [...bitsOf(lst)].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
  );
}
