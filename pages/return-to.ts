import { settings } from './settings.js';

/**
 * Where a visitor is led once they are signed in: what `?return_to=` names, if it is an address of this service or of an
 * application that may call it. Anything else is ignored, so that no link from here leads to a stranger.
 */
export function returnTo(): string | undefined {
  const wanted = new URLSearchParams(location.search).get('return_to') ?? '';
  if (!URL.canParse(wanted)) return undefined;
  const { origin, protocol, username, password, href } = new URL(wanted);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  const isPlain = username === '' && password === '' && href !== location.href;
  return isWeb && isPlain && settings.returnOrigins.includes(origin) ? href : undefined;
}
