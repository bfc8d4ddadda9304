import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Failure, failureOf, sentenceFor } from './failures.js';
import { Notice } from './notices.js';

export interface Loaded<Value> {
  value: Value | undefined;
  failure: Failure | undefined;
  /** Asks again; what was there stays meanwhile. */
  again: () => Promise<void>;
  set: (value: Value) => void;
}

/** Asks for something when a component appears, and again when one of `on` changes. */
export function useLoaded<Value>(
  load: () => Promise<Value>,
  on: readonly unknown[],
): Loaded<Value> {
  const [value, set] = useState<Value>();
  const [failure, setFailure] = useState<Failure>();
  const ask = async (isCurrent: () => boolean) => {
    try {
      const answer = await load();
      if (!isCurrent()) return;
      set(answer);
      setFailure(undefined);
    } catch (error) {
      if (isCurrent()) setFailure(failureOf(error));
    }
  };
  useEffect(() => {
    let current = true;
    void ask(() => current);
    return () => {
      current = false;
    };
  }, [...on]);
  return { value, failure, again: () => ask(() => true), set };
}

interface LoadingProps<Value> {
  of: Loaded<Value>;
  children: (value: Value) => ComponentChildren;
}

/** What was asked for once it is there; before that a sign that it is coming, or why it is not. */
export function Loading<Value>({ of: { value, failure, again }, children }: LoadingProps<Value>) {
  if (failure !== undefined) {
    return (
      <Notice kind="bad">
        <p>{sentenceFor(failure)}</p>
        <button type="button" onClick={() => void again()}>
          Try again
        </button>
      </Notice>
    );
  }
  if (value !== undefined) return <>{children(value)}</>;
  return (
    <p class="loading" role="status">
      <span class="spinner" />
      Loading…
    </p>
  );
}
