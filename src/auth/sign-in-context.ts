import { Injectable } from '@nestjs/common';
import type { Transport } from '../contract/responses.js';
import { CrossSiteCheck } from '../http/cross-site.js';
import { type RequestContext, RequestContexts } from '../http/request-context.js';
import type { AuthRequest } from './auth-request.js';

/** Where a sign-in came from, and how its refresh token travels. */
export interface SignInContext extends RequestContext {
  transport: Transport;
}

/** Reads the context of a sign-in from its request. */
@Injectable()
export class SignInContexts {
  constructor(
    private readonly crossSite: CrossSiteCheck,
    private readonly requests: RequestContexts,
  ) {}

  /**
   * @throws Problem `cross_site_request` for the cookie transport, because signing in by cookie from another site's page
   * would plant a session in the browser.
   */
  of(request: AuthRequest, { transport = 'body' }: { transport?: Transport }): SignInContext {
    if (transport === 'cookie') this.crossSite.assert(request);
    return { ...this.requests.of(request), transport };
  }
}
