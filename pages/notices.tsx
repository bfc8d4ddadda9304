import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

interface Message {
  text: string;
  kind: 'good' | 'bad';
}

/** Milliseconds that a good message stays; a bad one stays until the next. */
const STAY = 6_000;

let show: (message: Message | undefined) => void = () => undefined;

/** Says in passing, to eyes and to screen readers, how something went. */
export function announce(text: string, kind: Message['kind'] = 'good'): void {
  show({ text, kind });
}

/** The place where announcements appear; there is one on every page. */
export function Announcements() {
  const [message, setMessage] = useState<Message>();
  useEffect(() => {
    show = setMessage;
    if (message?.kind !== 'good') return undefined;
    const timer = setTimeout(() => setMessage(undefined), STAY);
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <div class="announcements" aria-live="polite" role="status">
      {message && (
        <p class={`toast ${message.kind}`}>
          {message.text}
          {message.kind === 'bad' && (
            <button type="button" class="plain" onClick={() => setMessage(undefined)}>
              Close
            </button>
          )}
        </p>
      )}
    </div>
  );
}

/** A box that says something about the page as it is. */
export function Notice(props: { kind?: 'bad'; children: ComponentChildren }) {
  const { kind, children } = props;
  return (
    <div class={`notice ${kind ?? ''}`} role={kind === 'bad' ? 'alert' : undefined}>
      {children}
    </div>
  );
}
