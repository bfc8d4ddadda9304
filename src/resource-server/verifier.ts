import { ACCESS_TOKEN_TYPE } from '../contract/claims.js';
import { type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
import { checkClaims, isUser, type VerifiedClaims } from './claims-check.js';
import { Discovery } from './discovery.js';
import { Introspection } from './introspection.js';
import { IssuerClient, IssuerUnreachable } from './issuer-client.js';
import { KeySet } from './key-set.js';
import { deepFrozen } from '../contract/deep-frozen.js';
import { RememberedTokens } from './remembered-tokens.js';
import { readSigned } from './signature.js';
import { type StatusListState, StatusLists } from './status-lists.js';
import { TokenError } from './token-error.js';
import { assertKnownDemands } from './unknown-options.js';
import { tell } from './verifier-hooks.js';
import { settle, type VerifierOptions, type VerifierSettings } from './verifier-options.js';

/** What a call asks for beyond a valid token. */
export interface Demands {
  /** One of these is enough. Service tokens have none. */
  roles?: readonly string[];
  /** All of these. */
  scopes?: readonly string[];
  /** Asks the issuer, now, whether the session is alive (RFC 7662). Needs the option `client`. */
  fresh?: boolean;
}

/** For health checks and metrics. */
export interface VerifierState {
  /** How many keys there are to verify with. */
  keys: number;
  /** Seconds since the issuer last confirmed them; undefined before it has. */
  keysAge: number | undefined;
  /** How many verified tokens are remembered. */
  remembered: number;
  statusLists: StatusListState[];
}

/**
 * Verifies Latchkey's access tokens without asking Latchkey: keys and status lists are fetched in the
 * background. Make one for each issuer, and `close` it at the end.
 */
export class Verifier {
  readonly #settings: VerifierSettings;
  readonly #issuer: IssuerClient;
  readonly #keys: KeySet;
  readonly #statusLists: StatusLists | undefined;
  readonly #introspection: Introspection;
  readonly #remembered: RememberedTokens;
  /** Counts the times that a key was withdrawn. */
  #era = 0;

  /** @throws TypeError that names every option that is wrong. */
  constructor(options: VerifierOptions) {
    const settings = settle(options);
    const issuer = new IssuerClient(settings);
    const discovery = new Discovery(settings, issuer);
    this.#settings = settings;
    this.#issuer = issuer;
    this.#remembered = new RememberedTokens(settings.remember, settings.clock);
    this.#keys = new KeySet(settings, issuer, discovery, () => this.#forgetAll());
    this.#introspection = new Introspection(settings, issuer, discovery);
    if (settings.revocation !== undefined) {
      this.#statusLists = new StatusLists(settings.revocation, settings, issuer, this.#keys);
    }
    this.#keys.start();
    this.#statusLists?.start();
  }

  /**
   * Resolves to the claims of a token that may pass: form, signature, claims (contract §2), session not
   * ended as far as is known, and whatever `demands` asks for. The claims are frozen.
   *
   * @param token undefined, where a request brought none, is refused as `token_missing`.
   * @throws TokenError with the code `token_missing`, `token_invalid`, `forbidden` or `issuer_unavailable`.
   * @throws TypeError that names a demand that there is none of.
   */
  async verify(token: string | undefined, demands: Demands = {}): Promise<VerifiedClaims> {
    const known = this.verifyKnown(token, demands);
    if (known !== undefined) return known;
    try {
      if (token === undefined || token === '') throw this.#error('token_missing', 'no token');
      return await this.#judge(token, demands);
    } catch (error) {
      const refusal = this.#refusal(error);
      if (refusal === undefined) throw error;
      const { code, reason } = refusal;
      tell(this.#settings.hooks.refused, { code, reason });
      throw refusal;
    }
  }

  /**
   * The claims of a token that may pass as far as can be said without waiting: it has been verified before,
   * and its status list is there. Undefined says nothing; ask `verify` then.
   */
  verifyKnown(token: string | undefined, demands: Demands = {}): VerifiedClaims | undefined {
    assertKnownDemands(demands);
    if (token === undefined || demands.fresh === true) return undefined;
    const claims = this.#remembered.get(token);
    if (claims === undefined || lacks(claims, demands) !== undefined) return undefined;
    if (this.#statusLists?.isKnownAlive(claims) === false) return undefined;
    tell(this.#settings.hooks.accepted, { remembered: true });
    return claims;
  }

  /**
   * Waits until there are keys and, with the option `client`, until the issuer was asked whether it knows
   * that. Nobody has to: `verify` waits by itself.
   *
   * @throws VerifierMisconfigured that says which option is wrong.
   * @throws IssuerUnreachable when the keys can't be fetched.
   */
  async ready(): Promise<void> {
    if (!this.#keys.loaded) await this.#keys.refresh();
    await this.#introspection.assertClientKnown();
  }

  state(): VerifierState {
    return {
      keys: this.#keys.size,
      keysAge: this.#keys.age,
      remembered: this.#remembered.size,
      statusLists: this.#statusLists?.state() ?? [],
    };
  }

  /** Ends all background work. Tokens whose keys are known go on being verified. */
  close(): void {
    this.#keys.stop();
    this.#statusLists?.stop();
    this.#issuer.close();
  }

  async #judge(token: string, demands: Demands): Promise<VerifiedClaims> {
    const known = this.#remembered.get(token);
    const claims = known ?? (await this.#read(token));
    if (demands.fresh !== true) await this.#statusLists?.judge(claims);
    this.#assertPermitted(claims, demands);
    if (demands.fresh === true) await this.#assertActive(token, claims);
    tell(this.#settings.hooks.accepted, { remembered: known !== undefined });
    return claims;
  }

  async #read(token: string): Promise<VerifiedClaims> {
    const era = this.#era;
    const judge = (claims: StrictJwt['payload']) => void checkClaims(claims, this.#settings);
    const payload = await readSigned(token, ACCESS_TOKEN_TYPE, this.#keys, judge);
    const claims = deepFrozen(checkClaims(payload, this.#settings));
    if (era === this.#era) this.#remembered.remember(token, claims);
    return claims;
  }

  /** Among what is remembered may be tokens of a key that was withdrawn. */
  #forgetAll(): void {
    this.#era += 1;
    this.#remembered.clear();
  }

  #assertPermitted(claims: VerifiedClaims, demands: Demands): void {
    const lacking = lacks(claims, demands);
    if (lacking === undefined) return;
    const scopes = lacking === 'scope' ? (demands.scopes ?? []) : [];
    throw new TokenError('forbidden', lacking, this.#settings.realm, { scopes });
  }

  /**
   * A service's token has no session that could have ended, and the issuer calls it inactive to any client
   * but its own (contract §5). So only users' tokens are asked about.
   */
  async #assertActive(token: string, claims: VerifiedClaims): Promise<void> {
    if (!isUser(claims)) return;
    if (!(await this.#introspection.isActive(token))) throw new TokenRejected('revoked');
  }

  #refusal(error: unknown): TokenError | undefined {
    if (error instanceof TokenError) return error;
    if (error instanceof TokenRejected) return this.#error('token_invalid', error.reason, error);
    if (!(error instanceof IssuerUnreachable)) return undefined;
    return this.#error('issuer_unavailable', error.message, error);
  }

  #error(code: TokenError['code'], reason: string, cause?: unknown): TokenError {
    return new TokenError(code, reason, this.#settings.realm, { cause });
  }
}

/** What the claims have too little of. */
function lacks(
  claims: VerifiedClaims,
  { roles = [], scopes = [] }: Demands,
): 'role' | 'scope' | undefined {
  if (roles.length > 0) {
    const own = isUser(claims) ? claims.roles : [];
    if (!roles.some((role) => own.includes(role))) return 'role';
  }
  if (scopes.length === 0) return undefined;
  const granted = claims.scope.split(' ');
  return scopes.every((scope) => granted.includes(scope)) ? undefined : 'scope';
}

/**
 * A verifier for services that accept Latchkey's access tokens:
 *
 * ```ts
 * const verifier = createVerifier({ issuer: 'https://auth.example.com', audience: 'orders' });
 * const claims = await verifier.verify(bearerToken(request.headers));
 * ```
 *
 * It does not need the issuer to start.
 *
 * @throws TypeError that names every option that is wrong.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  return new Verifier(options);
}
