import { Module } from '@nestjs/common';
import { Cookies } from './cookies.js';
import { CrossSiteCheck } from './cross-site.js';
import { ProblemFilter } from './problem.filter.js';

/** What every route shares. */
@Module({
  providers: [Cookies, CrossSiteCheck, ProblemFilter],
  exports: [Cookies, CrossSiteCheck, ProblemFilter],
})
export class HttpModule {}
