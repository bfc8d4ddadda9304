export {
  decoded,
  encoded as base64url,
  type Json,
  signedHs256,
  withBrokenSignature,
} from '../../src/testing/forged-jwt.js';
