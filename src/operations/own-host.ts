import { isIP } from 'node:net';
import type { LatchkeyConfig } from '../config.js';

/** Top-level names that public DNS does not have (RFC 6761, RFC 6762, ICANN's `.internal`). */
const PRIVATE_NAMES = new Set(['localhost', 'local', 'internal', 'svc']);

/**
 * Whether a `Host` header names this server: an address, a name that public DNS does not have, or a configured name. A
 * web page whose name was made to lead here (DNS rebinding) names itself, and is foreign.
 */
export function isOwnHost(
  header: string | undefined,
  { publicUrl, metricsHost }: Pick<LatchkeyConfig, 'publicUrl' | 'metricsHost'>,
): boolean {
  const host = hostOf(header);
  if (host === undefined) return false;
  if (isIP(host) !== 0 || host === metricsHost || host === hostOf(new URL(publicUrl).host)) {
    return true;
  }
  const last = host.slice(host.lastIndexOf('.') + 1);
  return !host.includes('.') || PRIVATE_NAMES.has(last);
}

/** The host of a `Host` header (RFC 9110 §7.2), without port and brackets. */
function hostOf(header = ''): string | undefined {
  const url = `http://${header}/`;
  if (header === '' || header.length > 256 || !URL.canParse(url)) return undefined;
  const { hostname, pathname, username } = new URL(url);
  if (pathname !== '/' || username !== '') return undefined;
  return hostname.replace('[', '').replace(']', '');
}
