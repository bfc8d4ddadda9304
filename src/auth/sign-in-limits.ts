import type { Limit } from '../passwords/attempt-limiter.js';
import { networkOf } from '../passwords/network.js';

const MINUTE = 60;

/** Guesses from one address, whatever the account: answered 429. */
export function perAddress(ip: string | null): Limit {
  return { subject: ['sign-in from', networkOf(ip)], most: 100, seconds: 15 * MINUTE };
}

/** Sign-ins from one address, whatever the account: each costs a hash. Answered 429. */
export function successesPerAddress(ip: string | null): Limit {
  const subject = ['signed in from', networkOf(ip)] as const;
  return { subject, most: 60, seconds: 15 * MINUTE, counts: 'successes' };
}

/** Sign-ins to one account, from wherever: answered 429. */
export function successesPerAccount(account: string): Limit {
  const subject = ['signed in to', account] as const;
  return { subject, most: 30, seconds: 15 * MINUTE, counts: 'successes' };
}

/** Guesses at one account from one address: the account is locked for that address. */
export function perAccountAndAddress(account: string, ip: string | null): Limit {
  const subject = ['sign-in to, from', account, networkOf(ip)] as const;
  return { subject, most: 10, seconds: 15 * MINUTE };
}

/**
 * Guesses at one account from anywhere: the account is locked for everybody who isn't signed in. One
 * address alone does not get that far: its guesses stop being counted here once it is locked itself.
 */
export function perAccount(account: string): Limit {
  return { subject: ['sign-in to', account], most: 300, seconds: 60 * MINUTE };
}

/** Registrations from one address: answered 429. */
export function registrations(ip: string | null): Limit {
  return { subject: ['register from', networkOf(ip)], most: 300, seconds: 60 * MINUTE };
}
