import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text may be the id of a user here. */
export function isUserId(text: string): boolean {
  return ID.test(text);
}

/** Makes UUIDs of version 7 (RFC 9562 §5.7), ascending within a millisecond too: lists stay in order. */
export class UserIds {
  #last = -1;
  #sequence = 0;

  next(milliseconds: number): string {
    if (milliseconds === this.#last) this.#sequence += 1;
    else this.#sequence = randomBytes(4).readUInt32BE() >>> 1;
    this.#last = milliseconds;
    return v7({ msecs: milliseconds, seq: this.#sequence });
  }
}
