import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Problem } from './problem.js';

/**
 * Tells requests that another site's page makes a browser send (OWASP: CSRF, verifying origin with
 * standard headers). Asked only for requests that ride on a cookie or plant one.
 */
@Injectable()
export class CrossSiteCheck {
  readonly #origins: ReadonlySet<string>;

  constructor(@Inject(CONFIG) config: LatchkeyConfig) {
    this.#origins = new Set([new URL(config.publicUrl).origin, ...config.corsOrigins]);
  }

  /**
   * An `Origin` must be that of `PUBLIC_URL` or one of `CORS_ORIGINS`; without one, `Sec-Fetch-Site` must
   * be neither `cross-site` nor `same-site`; with neither header it is no browser, and passes.
   *
   * @throws Problem `cross_site_request`.
   */
  assert(request: object): void {
    if (!this.permits(request)) throw new Problem('cross_site_request');
  }

  /** As `assert`, but tells. */
  permits(request: object): boolean {
    const { headers } = request as { headers: IncomingHttpHeaders };
    const { origin, 'sec-fetch-site': site } = headers;
    if (origin !== undefined) return this.#origins.has(origin);
    return site === undefined || site === 'same-origin' || site === 'none';
  }
}
