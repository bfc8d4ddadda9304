import { Module } from '@nestjs/common';
import { Cookies } from './cookies.js';
import { CrossSiteCheck } from './cross-site.js';
import { Preflights } from './preflight.js';
import { ProblemFilter } from './problem.filter.js';
import { RequestContexts } from './request-context.js';
import { TrustedProxies } from './trusted-proxies.js';

/** What every route shares. */
@Module({
  providers: [Cookies, CrossSiteCheck, Preflights, ProblemFilter, RequestContexts, TrustedProxies],
  exports: [Cookies, CrossSiteCheck, Preflights, ProblemFilter, RequestContexts, TrustedProxies],
})
export class HttpModule {}
