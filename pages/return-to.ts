import { settings } from './settings.js';

/**
 * Where a visitor is led once they are signed in: what `?return_to=` names, if it is an address of this service or of an
 * application that may call it. Anything else is ignored, so that no link from here leads to a stranger.
 */
export function returnTo(): string | undefined {
  const wanted = new URLSearchParams(location.search).get('return_to') ?? '';
  if (!URL.canParse(wanted)) return undefined;
  const url = new URL(wanted);
  const isPlain = url.username === '' && url.password === '' && url.href !== location.href;
  return isPlain && settings.returnOrigins.includes(originOf(url)) ? url.href : undefined;
}

/** An app's own scheme has an origin only for `CORS_ORIGINS`: `capacitor://localhost`. */
function originOf({ origin, protocol, host }: URL): string {
  return origin === 'null' && host !== '' ? `${protocol}//${host}` : origin;
}
