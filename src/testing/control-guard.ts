import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../http/problem.js';

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;
const CHALLENGE = 'Bearer realm="latchkey-control"';

/**
 * Who may order the test kit about: programs of this machine that know the token. A page in a browser may
 * not, whatever it knows: its requests carry `Origin` or `Sec-Fetch-Site`, and under a name that was bent
 * to this machine (DNS rebinding) a foreign `Host`.
 */
export class ControlGuard {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digestOf(token);
  }

  /** @returns why a request is refused; undefined when it may pass. */
  refusal({ host, origin, authorization, ...headers }: IncomingHttpHeaders): Problem | undefined {
    if (!LOOPBACK.test(host ?? '')) return new Problem('forbidden', { detail: FOREIGN_HOST });
    const site = headers['sec-fetch-site'];
    if (origin !== undefined || (site !== undefined && site !== 'none')) {
      return new Problem('cross_site_request', { detail: FROM_A_PAGE });
    }
    if (authorization === undefined) {
      return new Problem('token_missing', {
        detail: 'Send the control token that dev-server printed as a bearer token.',
        headers: { 'WWW-Authenticate': CHALLENGE },
      });
    }
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    if (timingSafeEqual(digestOf(token), this.#digest)) return undefined;
    return new Problem('token_invalid', {
      detail: 'This is not the control token that dev-server printed.',
      headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` },
    });
  }
}

const FOREIGN_HOST = 'The control port answers to 127.0.0.1 and localhost only.';
const FROM_A_PAGE = 'The control port does not answer to pages in a browser.';

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
