import type { CanActivate, ExecutionContext } from '@nestjs/common';
import {
  FRESH_ROUTE,
  isOpen,
  REQUIRED_ROLES,
  REQUIRED_SCOPES,
} from '../contract/access-metadata.js';
import { setClaims } from './call-claims.js';
import type { VerifiedClaims } from './claims-check.js';
import { graphqlRequest, httpRequest, tokenOf } from './carried-token.js';
import { HostNest } from './host-nest.js';
import { messageException } from './message-exception.js';
import { Injectable, Reflector } from './own-nest.js';
import { TokenError } from './token-error.js';
import { type Demands, Verifier } from './verifier.js';

/** What decorators say of a handler. */
interface Access {
  open: boolean;
  demands: Demands;
}

type Handler = ReturnType<ExecutionContext['getHandler']>;
type Type = ReturnType<ExecutionContext['getClass']>;

/**
 * Calls that a guard has let pass already and that it can't or should not judge twice, where it stands both
 * globally and on a handler: their token was taken out of the payload, or the issuer was asked.
 */
const passed = new WeakMap<ExecutionContext, { token: string | undefined; fresh: boolean }>();

/**
 * Lets a call pass if it bears a valid access token of a session that has not ended, with the roles and scopes
 * that the handler asks for; `@Public()` opens one. Serves HTTP on Express and on Fastify, GraphQL, WebSocket
 * gateways and microservice handlers. Override the protected methods to customise.
 */
@Injectable()
export class ResourceServerGuard implements CanActivate {
  private readonly reflector = new Reflector();
  private readonly known = new WeakMap<object, WeakMap<object, Access>>();

  constructor(
    private readonly verifier: Verifier,
    private readonly nest: HostNest,
  ) {}

  /** Answers at once where nothing has to be waited for. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (this.access(context).open) return true;
    const before = passed.get(context);
    const token = before === undefined ? this.token(context) : before.token;
    const demands = this.demands(context);
    const claims = this.verifier.verifyKnown(token, demands);
    if (claims === undefined) return this.verify(token, demands, context);
    return this.pass(claims, token, false, context);
  }

  /** Where the token is looked for. */
  protected token(context: ExecutionContext): string | undefined {
    return tokenOf(context);
  }

  /** What the handler asks for; decorators of a method override those of its class. */
  protected demands(context: ExecutionContext): Demands {
    return this.access(context).demands;
  }

  /**
   * What a call that may not pass ends in; its `cause` is the error. On HTTP it sets the headers of RFC 6750
   * §3 first.
   */
  protected async refusal(error: TokenError, context: ExecutionContext): Promise<unknown> {
    const type = context.getType<string>();
    if (type === 'ws' || type === 'rpc') return messageException(type, error, this.nest);
    if (type === 'http') setHeaders(context.switchToHttp().getResponse(), error.headers);
    const { code, status, message } = error;
    const answer = { statusCode: status, code };
    const exception = new this.nest.HttpException({ ...answer, message }, status, { cause: error });
    return Object.assign(exception, answer);
  }

  /** Puts the claims where applications that know Passport look for them. */
  protected show(claims: object, context: ExecutionContext): void {
    const type = context.getType<string>();
    if (type === 'http') httpRequest(context).user = claims;
    if (type !== 'graphql') return;
    const request = graphqlRequest(context) as { user?: object } | undefined;
    if (typeof request === 'object' && request !== null) request.user = claims;
  }

  private async verify(
    token: string | undefined,
    demands: Demands,
    context: ExecutionContext,
  ): Promise<boolean> {
    const fresh = demands.fresh === true && passed.get(context)?.fresh !== true;
    try {
      const claims = await this.verifier.verify(token, { ...demands, fresh });
      return this.pass(claims, token, fresh, context);
    } catch (error) {
      throw error instanceof TokenError ? await this.refusal(error, context) : error;
    }
  }

  private pass(
    claims: VerifiedClaims,
    token: string | undefined,
    fresh: boolean,
    context: ExecutionContext,
  ): boolean {
    const asked = fresh || passed.get(context)?.fresh === true;
    if (asked || context.getType<string>() === 'rpc') passed.set(context, { token, fresh: asked });
    setClaims(context, claims);
    this.show(claims, context);
    return true;
  }

  /** The decorators of a handler, read once. */
  private access(context: ExecutionContext): Access {
    const [handler, type] = [context.getHandler(), context.getClass()];
    let ofHandler = this.known.get(handler);
    if (ofHandler === undefined) this.known.set(handler, (ofHandler = new WeakMap()));
    let access = ofHandler.get(type);
    if (access === undefined) ofHandler.set(type, (access = this.readAccess(handler, type)));
    return access;
  }

  private readAccess(handler: Handler, type: Type): Access {
    const read = <Value>(key: string) =>
      this.reflector.getAllAndOverride<Value | undefined>(key, [handler, type]);
    return {
      open: isOpen(handler, type),
      demands: {
        roles: read<string[]>(REQUIRED_ROLES) ?? [],
        scopes: read<string[]>(REQUIRED_SCOPES) ?? [],
        fresh: read<boolean>(FRESH_ROUTE) === true,
      },
    };
  }
}

interface AnyResponse {
  /** Express and node:http. */
  setHeader?(name: string, value: string): unknown;
  /** Fastify. */
  header?(name: string, value: string): unknown;
}

function setHeaders(response: AnyResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof response.setHeader === 'function') response.setHeader(name, value);
    else response.header?.(name, value);
  }
}
