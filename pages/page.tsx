import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { settings } from './settings.js';

/** The first page keeps the focus where the browser puts it; a later one takes it to its heading. */
let first = true;

interface PageProps {
  title: string;
  children: ComponentChildren;
  /** What stands above the heading. */
  before?: ComponentChildren;
  /** What stands beside the heading. */
  beside?: ComponentChildren;
  class?: string;
}

/** A page with its heading, which also names the tab. */
export function Page({ title, children, before, beside, class: className }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${settings.name}`;
  }, [title]);
  useEffect(() => {
    if (!first && !document.activeElement?.matches('input')) heading.current?.focus();
    first = false;
  }, []);
  return (
    <div class={`page ${className ?? ''}`}>
      {before}
      <div class="heading">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {beside}
      </div>
      {children}
    </div>
  );
}

interface SectionProps {
  title: string;
  about: ComponentChildren;
  children: ComponentChildren;
}

/** A part of a page: what it is for on one side, what can be done on the other. */
export function Section({ title, about, children }: SectionProps) {
  return (
    <section class="section">
      <header>
        <h2>{title}</h2>
        <p>{about}</p>
      </header>
      <div class="card">{children}</div>
    </section>
  );
}
