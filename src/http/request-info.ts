import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Where a request came from, as a session remembers it. */
export interface RequestInfo {
  ip: string | null;
  userAgent: string | null;
}

interface Source {
  readonly headers: IncomingHttpHeaders;
  readonly ip?: string | undefined;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

const LONGEST_USER_AGENT = 255;

/**
 * The client's address as the adapter sees it (so behind a proxy it depends on the adapter's trust
 * setting), and its user agent: 255 characters at most, without control characters.
 */
export function requestInfo(request: object): RequestInfo {
  const { headers, ip, socket } = request as Source;
  return {
    ip: plainAddress(ip) ?? plainAddress(socket?.remoteAddress) ?? null,
    userAgent: printable(headers['user-agent'] ?? ''),
  };
}

/** An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) is shown as IPv4. */
function plainAddress(text: string | undefined): string | undefined {
  const address = text?.replace(/^::ffff:(?=\d+\.)/i, '');
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

function printable(text: string): string | null {
  const clean = text.replace(/\p{Cc}/gu, '').slice(0, LONGEST_USER_AGENT);
  return clean === '' ? null : clean;
}
