import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { failureOf, sentenceFor } from './failures.js';
import { announce } from './notices.js';

interface ActionProps {
  /** Throws what `failureOf` understands; it is announced. */
  run: () => Promise<void>;
  children: ComponentChildren;
  /** Says to screen readers what the visible words leave to the eye; begins with those words. */
  label?: string;
  class?: string;
}

/** A button that asks the service for something, and can't be pressed meanwhile. */
export function Action({ run, children, label, class: className }: ActionProps) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await run();
    } catch (error) {
      announce(sentenceFor(failureOf(error)), 'bad');
    }
    setBusy(false);
  };
  return (
    <button
      type="button"
      class={className ?? ''}
      aria-label={label}
      aria-disabled={busy}
      onClick={press}
    >
      {busy && <span class="spinner" />}
      {children}
    </button>
  );
}
