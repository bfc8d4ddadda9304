import { compactVerify } from 'jose';
import { readStrictJwt, type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
import type { KeySet } from './key-set.js';

/**
 * Reads a JWT in its one form and checks its type and its signature, by the algorithm of the key that `kid`
 * names.
 *
 * @param judge looks at the claims before the signature is: what it throws saves the search for a key.
 * @param longest characters that are read at most.
 * @throws TokenRejected, or IssuerUnreachable when the key can't be known.
 */
export async function readSigned(
  token: string,
  type: string,
  keys: KeySet,
  judge: (payload: StrictJwt['payload']) => void,
  longest?: number,
): Promise<StrictJwt['payload']> {
  const { header, payload } = readStrictJwt(token, longest);
  if (header.typ !== type) throw new TokenRejected('typ');
  judge(payload);
  const found = await keys.find(header.kid);
  if (found === undefined) throw new TokenRejected('unknown key');
  if (found.algorithm !== header.alg) throw new TokenRejected('algorithm not of this key');
  try {
    await compactVerify(token, found.key, { algorithms: [found.algorithm] });
  } catch (error) {
    throw new TokenRejected('signature', { cause: error });
  }
  return payload;
}
