import { isIPv6 } from 'node:net';
import type { Limit } from '../passwords/attempt-limiter.js';

const MINUTE = 60;

/** Guesses from one address, whatever the account: answered 429. */
export function perAddress(ip: string | null): Limit {
  return { subject: `sign-in:from:${network(ip)}`, most: 100, seconds: 15 * MINUTE };
}

/** Guesses at one account from one address: the account is locked for that address. */
export function perAccountAndAddress(account: string, ip: string | null): Limit {
  return { subject: `sign-in:to:${account}:from:${network(ip)}`, most: 10, seconds: 15 * MINUTE };
}

/**
 * Guesses at one account from anywhere: the account is locked for everybody who isn't signed in. One
 * address alone does not get that far: its guesses stop being counted here once it is locked itself.
 */
export function perAccount(account: string): Limit {
  return { subject: `sign-in:to:${account}`, most: 300, seconds: 60 * MINUTE };
}

/** Registrations from one address: answered 429. */
export function registrations(ip: string | null): Limit {
  return { subject: `register:from:${network(ip)}`, most: 300, seconds: 60 * MINUTE };
}

/** What one customer of a provider has: an IPv4 address, or the first half of an IPv6 address. */
function network(ip: string | null): string {
  if (ip === null || !isIPv6(ip)) return String(ip);
  const canonical = new URL(`http://[${ip.split('%', 1)[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return [...first, ...gap, ...last].slice(0, 4).join(':');
}
