import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import {
  isOpen,
  PREFLIGHT_ROUTE,
  REQUIRED_ROLES,
  REQUIRED_SCOPES,
  SERVICE_ROUTE,
} from '../contract/access-metadata.js';

type Handler = ReturnType<ExecutionContext['getHandler']>;
type Controller = ReturnType<ExecutionContext['getClass']>;

/** What `@Public()`, `@ServiceTokens()`, `@Roles()` and `@Scopes()` say of a route. */
export interface RouteAccess {
  readonly isPublic: boolean;
  readonly forServices: boolean;
  readonly letsPreflightsPass: boolean;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
}

/** Reads what the decorators say, of each route once. What stands on the handler counts, else the class. */
export class RouteAccesses {
  readonly #known = new WeakMap<object, WeakMap<object, RouteAccess>>();

  constructor(private readonly reflector: Reflector) {}

  of(context: ExecutionContext): RouteAccess {
    const handler = context.getHandler();
    const controller = context.getClass();
    const known = this.#known.get(handler)?.get(controller);
    if (known !== undefined) return known;
    const access = this.#read(handler, controller);
    const ofHandler = this.#known.get(handler) ?? new WeakMap<object, RouteAccess>();
    this.#known.set(handler, ofHandler.set(controller, access));
    return access;
  }

  #read(handler: Handler, controller: Controller): RouteAccess {
    const targets = [handler, controller];
    const metadata = <Value>(key: string, fallback: Value): Value =>
      this.reflector.getAllAndOverride<Value | undefined>(key, targets) ?? fallback;
    return {
      isPublic: isOpen(handler, controller),
      forServices: metadata(SERVICE_ROUTE, false),
      letsPreflightsPass: metadata(PREFLIGHT_ROUTE, false),
      roles: metadata<readonly string[]>(REQUIRED_ROLES, []),
      scopes: metadata<readonly string[]>(REQUIRED_SCOPES, []),
    };
  }
}
