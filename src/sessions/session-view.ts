import Bowser from 'bowser';
import type { SessionView } from '../contract/responses.js';
import type { SessionRow } from './session.repository.js';

/** A session as its user sees it. Holds nothing that a token could be made from. */
export function sessionView(session: SessionRow, currentId?: string): SessionView {
  return {
    id: session.id,
    current: session.id === currentId,
    createdAt: new Date(session.createdAt).toISOString(),
    lastUsedAt: new Date(session.rotatedAt).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
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
