import { isIPv6 } from 'node:net';

/** What one customer of a provider has: an IPv4 address, or the first half of an IPv6 address. */
export function networkOf(ip: string | null): string {
  if (ip === null || !isIPv6(ip)) return String(ip);
  const canonical = new URL(`http://[${ip.split('%', 1)[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return [...first, ...gap, ...last].slice(0, 4).join(':');
}
