import type { Limit } from '../passwords/attempt-limiter.js';

export { reauthentications } from '../passwords/reauthentication-limit.js';

const MINUTE = 60;

/** Guesses from one address, whatever the account: answered 429. */
export function perAddress(ip: string | null): Limit {
  return { subject: `sign-in:from:${ip}`, most: 100, seconds: 15 * MINUTE };
}

/** Guesses at one account from one address: the account is locked for that address. */
export function perAccountAndAddress(account: string, ip: string | null): Limit {
  return { subject: `sign-in:to:${account}:from:${ip}`, most: 10, seconds: 15 * MINUTE };
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
  return { subject: `register:from:${ip}`, most: 300, seconds: 60 * MINUTE };
}
