import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { TrustedProxies } from './trusted-proxies.js';

interface Source {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

/** Tells the preflights (Fetch standard, CORS-preflight request) that a gateway asks about. They bear no token. */
@Injectable()
export class Preflights {
  constructor(private readonly proxies: TrustedProxies) {}

  /**
   * Whether the original request is a preflight, by its method and because no `Authorization` came with it. `X-Forwarded-Method` counts only from a proxy in `TRUST_PROXY`, because
   * a client that could send it would get any request past the gateway.
   */
  has(request: object): boolean {
    const { method, headers, socket } = request as Source;
    if (headers.authorization !== undefined) return false;
    if (method === 'OPTIONS') return true;
    const forwarded = headers['x-forwarded-method'];
    return forwarded === 'OPTIONS' && this.proxies.has(socket?.remoteAddress);
  }
}
