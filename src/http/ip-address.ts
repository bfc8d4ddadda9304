import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The longest text of an IPv6 address, with brackets, zone and port, has fewer characters. */
const MAX_LENGTH = 100;

/**
 * Reads an IP address as a socket or a proxy's header has it, with a port and brackets or without, in canonical form
 * (RFC 5952). An IPv4 address that is mapped into IPv6 (RFC 4291 §2.5.5.2) or translated (RFC 6052, `64:ff9b::/96`) is
 * IPv4.
 *
 * @returns undefined for anything that is no address.
 */
export function readIpAddress(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const [bare = ''] = withoutPort(text.trim()).split('%', 1);
  if (isIP(bare) === 0) return undefined;
  const address = ipaddr.process(bare);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.range() === 'rfc6052'
    ? new ipaddr.IPv4(address.toByteArray().slice(-4)).toString()
    : address.toRFC5952String();
}

function withoutPort(text: string): string {
  if (text.startsWith('[')) {
    const [address = '', rest = ''] = text.slice(1).split(']', 2);
    return rest === '' || isPort(rest) ? address : '';
  }
  const [address = '', port, ...more] = text.split(':');
  return port !== undefined && more.length === 0 && isPort(`:${port}`) ? address : text;
}

function isPort(text: string): boolean {
  return /^:\d{1,5}$/.test(text);
}
