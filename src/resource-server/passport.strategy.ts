import { bearerToken, type HeaderBag } from './bearer.js';
import type { VerifiedClaims } from './claims-check.js';
import { TokenError } from './token-error.js';
import { assertKnownDemands } from './unknown-options.js';
import type { Demands, Verifier } from './verifier.js';

export interface LatchkeyStrategyOptions extends Demands {
  verifier: Verifier;
}

/** Turns claims into the application's own user; `false` refuses. */
export type VerifyClaims = (
  claims: VerifiedClaims,
  done: (error: unknown, user?: object | false) => void,
) => void;

/**
 * A Passport strategy, for applications that use Passport already:
 *
 * ```ts
 * passport.use(new LatchkeyStrategy({ verifier }));
 * app.get('/orders', passport.authenticate('latchkey', { session: false }), …);
 * ```
 *
 * `request.user` is what the callback makes of the claims; without one, the claims. In Nest:
 * `PassportStrategy(LatchkeyStrategy)` with a `validate(claims)`. Passport calls a copy of this object for
 * each request, so there are no `#private` members here.
 */
export class LatchkeyStrategy {
  name = 'latchkey';
  /** Put there by Passport. */
  declare success: (user: object, info?: object) => void;
  declare fail: (challenge?: string | number, status?: number) => void;
  declare redirect: (url: string, status?: number) => void;
  declare pass: () => void;
  declare error: (error: unknown) => void;

  private readonly verifier: Verifier;
  private readonly demands: Demands;

  /** @throws TypeError that names an option that there is none of. */
  constructor(
    options: LatchkeyStrategyOptions,
    private readonly callback: VerifyClaims = (claims, done) => done(null, claims),
  ) {
    const { verifier, ...demands } = options;
    assertKnownDemands(demands);
    this.verifier = verifier;
    this.demands = demands;
  }

  authenticate(request: { headers: HeaderBag }): void {
    this.verifier.verify(bearerToken(request.headers), this.demands).then(
      (claims) => this.accept(claims),
      (error: unknown) => this.refuse(error),
    );
  }

  private accept(claims: VerifiedClaims): void {
    this.callback(claims, (error, user) => {
      if (error !== null && error !== undefined) return this.error(error);
      if (!user) return this.fail(403);
      return this.success(user);
    });
  }

  private refuse(error: unknown): void {
    if (!(error instanceof TokenError) || error.status === 503) return this.error(error);
    return this.fail(error.headers['WWW-Authenticate'], error.status);
  }
}
