/** Marks a hash over the keyed password; without it a hash is plain bcrypt, as it was imported. */
export const KEYED = '$lk1$';

/** Costs above 15 are not worked with: one of 31 would keep a processor busy for days. */
const STORED = /^(\$lk1\$)?(\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53})$/;

/** A stored password hash in its parts. */
export interface StoredHash {
  /** Whether it is over the keyed password rather than the password itself. */
  keyed: boolean;
  /** As bcrypt reads it. */
  bcrypt: string;
  cost: number;
}

/** @returns undefined for what is no hash of ours, or has a cost above 15. */
export function parseHash(stored: string): StoredHash | undefined {
  const [, mark, bcrypt, cost] = STORED.exec(stored) ?? [];
  if (bcrypt === undefined) return undefined;
  return { keyed: mark !== undefined, bcrypt: asBcryptReads(bcrypt), cost: Number(cost) };
}

/** Whether a text is a plain bcrypt hash that may be imported: `$2a$`, `$2b$` or `$2y$`, of cost 4 to 15. */
export function isPlainHash(text: string): boolean {
  return parseHash(text)?.keyed === false;
}

/** `$2y$` is what PHP calls `$2b$`. */
function asBcryptReads(hash: string): string {
  return hash.startsWith('$2y$') ? `$2b$${hash.slice(4)}` : hash;
}
