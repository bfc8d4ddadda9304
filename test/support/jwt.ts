export {
  decoded,
  encoded as base64url,
  type Json,
  signedHs256,
  withBrokenSignature,
} from '../../src/testing/forged-jwt.js';

/** The same token with another text in place of its signature. */
export function withSignature(token: string, signature: string): string {
  return token.slice(0, token.lastIndexOf('.') + 1) + signature;
}
