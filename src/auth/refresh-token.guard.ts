import { createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { RefreshTokenClaims } from '../contract/claims.js';
import type { Transport } from '../contract/responses.js';
import { LatchkeyEvents } from '../events.js';
import { memberProblem, Problem } from '../http/problem.js';
import { readStrictBody } from '../http/strict-body.js';
import type { Narrowing } from '../tokens/access-tokens.js';
import { scopeList } from '../tokens/scopes.js';
import { RefreshDto } from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';
import { idempotencyKey, PresentedTokens, refreshTokenInvalid } from './presented-token.js';
import { RefreshTokenStrategy } from './refresh-token.strategy.js';
import { StrategyPerRequest } from './strategy-per-request.js';

/** What a request for a renewal brought: all of it well-formed, and the token signed by us. */
export interface RenewalRequest extends Narrowing {
  claims: RefreshTokenClaims;
  transport: Transport;
  idempotencyKey: string | undefined;
}

/** Keeps what the guard found with the request it found it in. */
const ADMITTED = Symbol('latchkey:admitted');

interface RenewingRequest extends AuthRequest {
  [ADMITTED]?: RenewalRequest;
}

/** Stands on the renewal route: lets a request pass whose refresh token is genuine and not expired. */
@Injectable()
export class RefreshTokenGuard extends AuthGuard() {
  constructor(
    strategy: RefreshTokenStrategy,
    private readonly presented: PresentedTokens,
    private readonly events: LatchkeyEvents,
  ) {
    super({ defaultStrategy: new StrategyPerRequest(strategy) as never });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<RenewingRequest>();
    const presented = this.presented.find(request);
    const key = idempotencyKey(request);
    const narrowing = narrowingOf(request);
    if (presented === undefined) throw this.refused('none was sent');
    await super.canActivate(context);
    const claims = request.user as RefreshTokenClaims;
    request[ADMITTED] = {
      claims,
      transport: presented.transport,
      idempotencyKey: key,
      ...narrowing,
    };
    return true;
  }

  /** What is no fault of the token must not sign anybody out, so it is no 401. */
  override handleRequest<Claims>(error: unknown, claims: Claims | false, reason: unknown): Claims {
    if (error) throw error;
    if (claims) return claims;
    throw this.refused(String(reason));
  }

  private refused(reason: string): Problem {
    this.events.tell('renewal', { outcome: 'rejected' });
    return refreshTokenInvalid(reason);
  }
}

/** @throws Problem `validation_failed` for what is no list of scopes. */
function narrowingOf(request: AuthRequest): Narrowing {
  const { scope, audience } = readStrictBody(RefreshDto, request.body);
  if (scope === undefined) return { audience };
  const scopes = scopeList(scope) ?? [];
  if (scopes.length === 0) throw memberProblem('/scope', 'must be scopes, space-separated');
  return { scopes, audience };
}

/** What `RefreshTokenGuard` found in the request. */
export const Renewing = createParamDecorator(
  (_data: unknown, context: ExecutionContext): RenewalRequest => {
    const renewal = context.switchToHttp().getRequest<RenewingRequest>()[ADMITTED];
    if (renewal === undefined) throw refreshTokenInvalid('no guard stands on this route');
    return renewal;
  },
);
