import { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import type { RefreshOutcome } from './contract/responses.js';

/** Why a session ended. */
export const END_REASONS = [
  'logout',
  'logout_all',
  'ended_by_user',
  'ended_by_admin',
  'password_changed',
  'user_disabled',
  'user_deleted',
  'token_reuse',
  'token_revoked',
  /** The user had `SESSIONS_PER_USER` others that were used later. */
  'superseded',
  /** The user was disabled, or the password changed, while the sign-in was under way. */
  'superseded_sign_in',
] as const;
export type EndReason = (typeof END_REASONS)[number];

export function isEndReason(value: string): value is EndReason {
  return END_REASONS.some((reason) => reason === value);
}

interface EventMap {
  registration: [event: { userId: string }];
  signIn: [event: { result: 'ok' | 'refused' | 'limited'; userId?: string }];
  renewal: [event: { outcome: RefreshOutcome }];
  /** A refresh token that had been replaced was used again; its session was ended. */
  tokenReuse: [event: { sessionId: string; userId: string }];
  sessionsEnded: [event: { userId: string; reason: EndReason; count: number }];
}

/** What happens to accounts and sessions, for metrics, the log and a host application's own use. */
export class LatchkeyEvents extends EventEmitter<EventMap> {
  readonly #logger = new Logger('Events');

  /**
   * Tells the listeners what has happened. One that fails, at once or later, is logged: it changes neither what
   * happened nor what others are told.
   */
  tell<Name extends keyof EventMap>(name: Name, ...event: EventMap[Name]): void {
    for (const listener of this.rawListeners(name)) void this.#call(listener, name, event);
  }

  async #call(listener: object, name: string, event: readonly unknown[]): Promise<void> {
    try {
      if (typeof listener === 'function') await Reflect.apply(listener, this, event);
    } catch (error) {
      const seen = error instanceof Error ? error.stack : String(error);
      this.#logger.error(`a listener of ${name} failed`, seen);
    }
  }
}
