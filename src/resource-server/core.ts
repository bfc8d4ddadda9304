/** What services without Nest import: `latchkey/resource-server/core` loads no part of Nest. */
export type { AccessTokenClaims, ServiceTokenClaims } from '../contract/claims.js';
export { bearerToken, type HeaderBag } from './bearer.js';
export { isUser, type VerifiedClaims } from './claims-check.js';
export { IssuerUnreachable, VerifierMisconfigured } from './issuer-client.js';
export { LatchkeyStrategy, type LatchkeyStrategyOptions } from './passport.strategy.js';
export type { StatusListState } from './status-lists.js';
export { TokenError, type TokenErrorCode } from './token-error.js';
export { createVerifier, type Demands, Verifier, type VerifierState } from './verifier.js';
export type { IssuerDocument, IssuerRequest, Refusal, VerifierHooks } from './verifier-hooks.js';
export type { VerifierLogger } from './verifier-log.js';
export type { RevocationOptions, VerifiedAlgorithm, VerifierOptions } from './verifier-options.js';
