import type { SessionView } from 'latchkey/client';
import type { ComponentChildren } from 'preact';
import { ago, moment } from './format.js';
import { Computer, Phone } from './icons.js';

const HANDHELD = /iPhone|iPad|Android|Mobile/;

interface SessionListProps {
  sessions: readonly SessionView[];
  /** What can be done with one. */
  action?: (session: SessionView, device: string) => ComponentChildren;
}

/** Where somebody is signed in. */
export function SessionList({ sessions, action }: SessionListProps) {
  return (
    <ul class="sessions">
      {sessions.map((session) => {
        const device = session.device ?? 'Unknown device';
        return (
          <li key={session.id}>
            {HANDHELD.test(session.userAgent ?? '') ? <Phone /> : <Computer />}
            <div class="grow">
              <strong>{device}</strong>
              {session.current && <span class="badge">This device</span>}
              <p class="hint">
                {session.ip !== null && `${session.ip} · `}
                <span title={moment(session.lastUsedAt)}>used {ago(session.lastUsedAt)}</span>
                {` · since ${moment(session.createdAt)}`}
              </p>
            </div>
            {action?.(session, device)}
          </li>
        );
      })}
    </ul>
  );
}
