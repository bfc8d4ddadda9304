import type { ComponentChildren } from 'preact';
import { Mark } from './icons.js';
import { Page } from './page.js';
import { settings } from './settings.js';

/** A page for those who are not signed in. */
export function Entrance({ title, children }: { title: string; children: ComponentChildren }) {
  const brand = (
    <p class="brand">
      <Mark />
      {settings.name}
    </p>
  );
  return (
    <Page title={title} class="entrance" before={brand}>
      {children}
    </Page>
  );
}
