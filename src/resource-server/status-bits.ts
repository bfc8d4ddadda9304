import { decodeBase64url } from '../contract/base64url.js';
import { TokenRejected } from '../contract/strict-jwt.js';
import { readBytes } from './read-bytes.js';

type Members = Readonly<Record<string, unknown>>;

/** Bytes of the longest list once inflated: 32 million sessions. */
const LONGEST = 4 * 1024 * 1024;
const SIZES: readonly unknown[] = [1, 2, 4, 8];

/** The bits of one status list (draft-ietf-oauth-status-list §4). */
export class StatusBits {
  private constructor(
    private readonly size: number,
    private readonly bytes: Uint8Array,
    /** When the list was signed (seconds). */
    readonly issuedAt: number,
  ) {}

  /**
   * Reads the `status_list` claim.
   *
   * @throws TokenRejected
   */
  static async read(claim: unknown, issuedAt: number): Promise<StatusBits> {
    if (typeof claim !== 'object' || claim === null) throw new TokenRejected('status_list');
    const { bits, lst } = claim as Members;
    if (!SIZES.includes(bits) || typeof lst !== 'string') throw new TokenRejected('status_list');
    try {
      const deflated = decodeBase64url(lst);
      if (deflated === undefined) throw new TokenRejected('status_list');
      return new StatusBits(Number(bits), await inflated(deflated), issuedAt);
    } catch (error) {
      throw new TokenRejected('status_list', { cause: error });
    }
  }

  has(index: number): boolean {
    return index * this.size < this.bytes.length * 8;
  }

  /** Whether the status is anything but VALID (0). False for an index beyond the list. */
  isSet(index: number): boolean {
    const at = index * this.size;
    const byte = this.bytes[Math.floor(at / 8)] ?? 0;
    return ((byte >> (at % 8)) & (2 ** this.size - 1)) !== 0;
  }

  /**
   * What follows from this list and the one before it. A list that was signed earlier, by a node that lags
   * behind, can add to what is known but take nothing back.
   */
  after(before: StatusBits | undefined): StatusBits {
    const replaces = before === undefined || before.issuedAt <= this.issuedAt;
    if (replaces || before.size !== this.size) return this;
    const length = Math.max(before.bytes.length, this.bytes.length);
    const bytes = Uint8Array.from(
      { length },
      (_, at) => (before.bytes[at] ?? 0) | (this.bytes[at] ?? 0),
    );
    return new StatusBits(this.size, bytes, before.issuedAt);
  }
}

/** @throws Error for what is no ZLIB format (RFC 1950), and for more than the longest list. */
function inflated(deflated: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate'));
  return readBytes(stream, LONGEST);
}
