import { EventEmitter } from 'node:events';
import type { RefreshOutcome } from './contract/responses.js';

/** Why a session ended. */
export type EndReason =
  | 'logout'
  | 'logout_all'
  | 'ended_by_user'
  | 'ended_by_admin'
  | 'password_changed'
  | 'user_disabled'
  | 'user_deleted'
  | 'token_reuse'
  | 'token_revoked'
  | 'superseded_sign_in';

interface EventMap {
  registration: [event: { userId: string }];
  signIn: [event: { result: 'ok' | 'refused' | 'limited'; userId?: string }];
  renewal: [event: { outcome: RefreshOutcome }];
  /** A refresh token that had been replaced was used again; its session was ended. */
  tokenReuse: [event: { sessionId: string; userId: string }];
  sessionsEnded: [event: { userId: string; reason: EndReason; count: number }];
}

/** What happens to accounts and sessions, for metrics, the log and a host application's own use. */
export class LatchkeyEvents extends EventEmitter<EventMap> {}
