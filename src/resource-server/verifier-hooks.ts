import type { TokenErrorCode } from './token-error.js';

/** What is asked of the issuer. */
export type IssuerDocument = 'metadata' | 'jwks' | 'status_list' | 'introspection';

/** One request to the issuer. */
export interface IssuerRequest {
  document: IssuerDocument;
  /** `unchanged`: 304, or the same content as before. */
  outcome: 'ok' | 'unchanged' | 'failed';
  /** How long it took (seconds). */
  seconds: number;
  /** Bytes of the answer's body. */
  bytes: number;
  /** Of a failure. */
  error?: unknown;
}

/** A call that was not let pass, for the reason that `TokenError` gives. */
export interface Refusal {
  code: TokenErrorCode;
  reason: string;
}

/** Called as things happen. They must be quick; what they throw is ignored. */
export interface VerifierHooks {
  /** A token was accepted. `remembered`: its signature had been checked before. */
  accepted?(event: { remembered: boolean }): void;
  /** A token was not accepted. */
  refused?(event: Refusal): void;
  /** The issuer was asked for something. */
  requested?(event: IssuerRequest): void;
}

/** Calls a hook. Metrics must not decide who gets in. */
export function tell<Event>(hook: ((event: Event) => void) | undefined, event: Event): void {
  try {
    hook?.(event);
  } catch {
    // The hook's own trouble.
  }
}
