import { textOn } from './theme.js';

/** The icon of the pages: a key on a square of that colour. */
export function iconSvg(color: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="${color}"/>
<g fill="none" stroke="${textOn(color)}" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round">
<circle cx="12" cy="12" r="4.6"/><path d="m15.4 15.4 8.2 8.2M20.2 20.2l2.6-2.6"/>
</g>
</svg>
`;
}
