/**
 * The surfaces that text and controls of the pages stand on, for each colour scheme, and the contrast of
 * text in the accent colour: WCAG 2.2 §1.4.3 asks for 4.5; coloured text on dark looks dull below 6.
 */
const SCHEMES = {
  light: { page: '#f5f6f8', surface: '#ffffff', towards: '#000000', text: 4.6 },
  dark: { page: '#0f1216', surface: '#181c22', towards: '#ffffff', text: 6.5 },
} as const;

/** WCAG 2.2 §1.4.11, with a little to spare. */
const CONTROL_CONTRAST = 3.1;

/**
 * The part of the pages' style sheet that depends on `PAGES_COLOR`: custom properties for the light and
 * the dark scheme. The colour is kept where it can be read on its surface, else made darker (lighter in the
 * dark scheme) until it can.
 *
 * @param color `#rrggbb`.
 */
export function themeCss(color: string): string {
  return `:root{${properties(color, 'light')}}
@media (prefers-color-scheme:dark){:root{${properties(color, 'dark')}}}
`;
}

function properties(color: string, scheme: keyof typeof SCHEMES): string {
  const { page, surface, towards, text } = SCHEMES[scheme];
  const fill = readable(color, [page, surface], towards, CONTROL_CONTRAST);
  const onFill = textOn(fill);
  const soft = mixed(surface, fill, 0.1);
  const values = {
    page,
    surface,
    accent: fill,
    'on-accent': onFill,
    'accent-hover': mixed(fill, onFill === '#ffffff' ? '#000000' : '#ffffff', 0.14),
    'accent-soft': soft,
    'accent-text': readable(color, [page, surface, soft], towards, text),
  };
  return Object.entries(values)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

/** Black or white, whichever is read better on that colour: one of them always has 4.58 or more. */
export function textOn(color: string): '#000000' | '#ffffff' {
  return contrast(color, '#ffffff') >= contrast(color, '#000000') ? '#ffffff' : '#000000';
}

function readable(
  color: string,
  grounds: readonly string[],
  towards: string,
  least: number,
): string {
  for (let share = 0; share < 1; share += 0.02) {
    const candidate = mixed(color, towards, share);
    if (grounds.every((ground) => contrast(candidate, ground) >= least)) return candidate;
  }
  return towards;
}

/** The contrast ratio of WCAG 2.2, from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mixed(color: string, other: string, share: number): string {
  const others = channels(other);
  const parts = channels(color).map((channel, at) =>
    Math.round(channel + ((others[at] ?? 0) - channel) * share),
  );
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}
