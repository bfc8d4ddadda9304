import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Action } from './action.js';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question that must be answered first. Escape closes it; the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const element = dialog.current;
    element?.showModal();
    return () => {
      element?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={cancel(onClose)}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** The dialog goes when its owner no longer draws it. */
function cancel(onClose: () => void) {
  return (event: Event) => {
    event.preventDefault();
    onClose();
  };
}

interface ConfirmProps extends DialogProps {
  /** The words of the button that does it. */
  verb: string;
  run: () => Promise<void>;
}

/** Asks before something that can't be undone. */
export function Confirm({ title, children, verb, run, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <Action run={run} class="danger">
          {verb}
        </Action>
      </div>
    </Dialog>
  );
}
