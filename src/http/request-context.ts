import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { readIpAddress } from './ip-address.js';
import { TrustedProxies } from './trusted-proxies.js';

/** Where a request came from, as a session remembers it. */
export interface RequestContext {
  /** null where nobody knows, such as behind a proxy that does not tell. */
  ip: string | null;
  userAgent: string | null;
}

interface Source {
  readonly headers: IncomingHttpHeaders;
  readonly ip?: string | undefined;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

const MAX_USER_AGENT = 255;

/** Reads where requests come from. */
@Injectable()
export class RequestContexts {
  constructor(private readonly proxies: TrustedProxies) {}

  /**
   * The client's address as the adapter sees it (so behind a proxy it depends on the adapter's trust setting), never that
   * of a proxy that forwarded for somebody; and the user agent: 255 characters at most, without control characters.
   */
  of(request: object): RequestContext {
    const source = request as Source;
    return {
      ip: this.#addressOf(source),
      userAgent: printable(source.headers['user-agent'] ?? ''),
    };
  }

  #addressOf({ headers, ip, socket }: Source): string | null {
    const address = readIpAddress(ip ?? socket?.remoteAddress);
    if (address === undefined) return null;
    const isForwarded = (headers['x-forwarded-for'] ?? '') !== '';
    return isForwarded && this.proxies.has(address) ? null : address;
  }
}

function printable(text: string): string | null {
  const clean = text.replace(/\p{Cc}/gu, '').slice(0, MAX_USER_AGENT);
  return clean === '' ? null : clean;
}
