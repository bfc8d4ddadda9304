import type { Clock } from '../contract/clock.js';
import type { Defect } from './defects.js';
import type { Json } from './forged-jwt.js';
import { IssuerCore } from './issuer-core.js';
import { IssuerServer } from './issuer-server.js';

export interface TestIssuerOptions {
  /** `iss` of its tokens. Default: where it listens. */
  issuer?: string;
  /** `aud` of its tokens. Default: the issuer, as the service's. */
  audience?: string | readonly string[];
  /** Default: a free one. */
  port?: number;
  /** Default: the machine's. */
  clock?: Clock;
}

/**
 * Stands in for a Latchkey where a service only has to judge tokens: it serves metadata, keys, status
 * lists and introspection as the real one does, and signs whatever it is told to.
 */
export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  /** Where it listens; the verifier's `address` where `issuer` is another name. */
  readonly url: string;

  /**
   * A user's access token, good for ten minutes.
   *
   * @param claims take the place of the usual ones; those that are undefined are left out.
   * @param defect makes it one that must be refused.
   */
  token(claims?: Json, defect?: Defect): string;

  /** A service's own access token. */
  serviceToken(claims?: Json, defect?: Exclude<Defect, 'revoked'>): string;

  /** Ends a session: its tokens are marked in the status list. */
  revoke(sid: string): void;

  /** A new key signs from now on. What the old one signed is still good. */
  rotate(): void;

  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts an issuer on a port of 127.0.0.1. Loads nothing of the service. */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const server = new IssuerServer();
  const url = await server.listen(options.port ?? 0);
  const { issuer = url, audience = issuer, clock } = options;
  const core = new IssuerCore(issuer, audience, clock);
  server.answerFor(core);
  return {
    issuer,
    audience,
    url,
    token: (claims, defect) => core.token(claims, defect),
    serviceToken: (claims, defect) => core.serviceToken(claims, defect),
    revoke: (sid) => core.revoke(sid),
    rotate: () => core.rotate(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
