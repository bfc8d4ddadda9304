/** The part of a passport strategy that passport calls. */
interface Authenticating {
  authenticate(request: never, options?: never): void;
}

/**
 * A strategy for passport to be handed as an object. Passport copies only strategies that it knows by name;
 * on an object it sets `success`, `fail` and `error` of the request at hand, so that of two requests under
 * way the earlier would end as the later one, with the other user's claims, or never. This one passes
 * each request to a copy of the real strategy that keeps the request's own actions.
 */
export class StrategyPerRequest {
  constructor(private readonly strategy: Authenticating) {}

  /** Called by passport in the same turn in which it has set the actions on this object. */
  authenticate(request: never, options?: never): void {
    const { strategy, ...actions } = this;
    const copy = Object.assign(Object.create(strategy) as Authenticating, actions);
    copy.authenticate(request, options);
  }
}
