/** Reading is shared with the kit for other services, so it lives in the contract. */
export { readStrictJwt, type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
