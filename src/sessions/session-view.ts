import Bowser from 'bowser';
import type { SessionView } from '../contract/responses.js';
import type { SessionRow } from './session.repository.js';

const HOUR_MS = 60 * 60 * 1000;

/**
 * The session that asks. It is in use now: a time at which its chain moved would tell a thief when to replay a stolen
 * token without being noticed.
 *
 * @param now milliseconds.
 * @param expiresAt what a renewal now would give (ms).
 */
export function currentSessionView(
  session: SessionRow,
  now: number,
  expiresAt: number,
): SessionView {
  return sessionView(session, { current: true, lastUsedAt: now, expiresAt });
}

/**
 * Any other session. Its times are given to the hour: the last use rounded down, the end rounded up.
 *
 * @param latestEnd when it ends however often it is renewed (ms).
 */
export function otherSessionView(session: SessionRow, latestEnd: number): SessionView {
  const hour = Math.floor(session.rotatedAt / HOUR_MS) * HOUR_MS;
  const lastUsedAt = Math.max(session.createdAt, hour);
  const expiresAt = Math.min(Math.ceil(session.expiresAt / HOUR_MS) * HOUR_MS, latestEnd);
  return sessionView(session, { current: false, lastUsedAt, expiresAt });
}

/** Holds nothing that a token could be made from. */
function sessionView(
  session: SessionRow,
  shown: { current: boolean; lastUsedAt: number; expiresAt: number },
): SessionView {
  return {
    id: session.id,
    current: shown.current,
    createdAt: new Date(session.createdAt).toISOString(),
    lastUsedAt: new Date(shown.lastUsedAt).toISOString(),
    expiresAt: new Date(shown.expiresAt).toISOString(),
    ip: session.ip,
    userAgent: session.userAgent,
    device: session.userAgent === null ? null : deviceName(session.userAgent),
  };
}

/** Such as «Firefox on Linux»; the product token for what is no browser. */
function deviceName(userAgent: string): string | null {
  const { browser, os } = Bowser.parse(userAgent);
  if (browser.name && os.name) return `${browser.name} on ${os.name}`;
  const product = /^[A-Za-z][\w.-]{0,39}/.exec(userAgent)?.[0];
  return browser.name || product || null;
}
