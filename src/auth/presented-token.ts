import { Injectable, type Type } from '@nestjs/common';
import type { Transport } from '../contract/responses.js';
import { Cookies } from '../http/cookies.js';
import { CrossSiteCheck } from '../http/cross-site.js';
import { memberProblem, Problem } from '../http/problem.js';
import { readStrictBody } from '../http/strict-body.js';
import { type LogoutDto, RefreshDto } from './auth.dto.js';
import type { AuthRequest } from './auth-request.js';

/** A refresh token as a request brought it. Nothing about it has been checked. */
export interface PresentedToken {
  token: string;
  transport: Transport;
}

/** Finds the refresh token of a request: in the body, else in the cookie of a request from our own site. */
@Injectable()
export class PresentedTokens {
  constructor(
    private readonly cookies: Cookies,
    private readonly crossSite: CrossSiteCheck,
  ) {}

  /**
   * @throws Problem `validation_failed` or `malformed_request` for a body that is not as it should be,
   * `cross_site_request` for a cookie that another site's page sent.
   */
  find(request: AuthRequest, body: Type<LogoutDto> = RefreshDto): PresentedToken | undefined {
    const { refreshToken } = readStrictBody(body, request.body);
    if (refreshToken !== undefined) return { token: refreshToken, transport: 'body' };
    const token = this.cookies.read(request, 'refresh');
    if (token === undefined) return undefined;
    this.crossSite.assert(request);
    return { token, transport: 'cookie' };
  }
}

/**
 * The `Idempotency-Key` of a request: 8 to 255 visible ASCII characters, in quotes or not.
 *
 * @throws Problem `validation_failed` for anything else.
 */
export function idempotencyKey(request: AuthRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const text = String(header);
  const bare = /^"(.*)"$/.exec(text)?.[1] ?? text;
  if (/^[\x21-\x7e]{8,255}$/.test(bare)) return bare;
  throw memberProblem('', 'Idempotency-Key must be 8 to 255 visible ASCII characters');
}

/** One answer for every refresh token that is of no use, whatever the reason. */
export function refreshTokenInvalid(logDetail: string): Problem {
  return new Problem('refresh_token_invalid', { logDetail });
}
