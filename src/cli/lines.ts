import type { Readable } from 'node:stream';

/** A line of a file, counted from 1; undefined when it is too long or no UTF-8, for the reason given. */
export type Line = { number: number; text: string } | { number: number; fault: string };

/** As for a request body (bytes). */
const LONGEST = 65_536;

/** Reads line by line, so that a file of any size takes the same memory. A byte order mark is left out. */
export async function* readLines(input: Readable): AsyncGenerator<Line> {
  let number = 0;
  let rest: Buffer[] = [];
  let length = 0;
  const take = (end: Buffer): Line => {
    number += 1;
    const bytes = length > LONGEST ? undefined : Buffer.concat([...rest, end]);
    rest = [];
    length = 0;
    return bytes === undefined || bytes.length > LONGEST
      ? { number, fault: 'is longer than 64 KiB' }
      : decode(number, bytes);
  };
  for await (const chunk of input) {
    let bytes: Buffer = Buffer.from(chunk);
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
      yield take(bytes.subarray(0, end));
      bytes = bytes.subarray(end + 1);
    }
    length += bytes.length;
    if (length > LONGEST) rest = [];
    else rest.push(bytes);
  }
  if (length > 0) yield take(Buffer.alloc(0));
}

function decode(number: number, bytes: Buffer): Line {
  try {
    return { number, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { number, fault: 'is not UTF-8' };
  }
}
