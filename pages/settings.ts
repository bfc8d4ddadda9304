/** What the service says about itself in the `meta` elements of the document. */
function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}

export const settings = {
  name: meta('application-name'),
  registrationIsOpen: meta('latchkey:registration') === 'open',
  passwordMinLength: Number(meta('latchkey:password-min-length')),
  publicUrl: meta('latchkey:public-url'),
  /** Whether the browser brought no session with it, so that there is none to look for. */
  hasNoSession: meta('latchkey:session') === 'none',
  /** Where `?return_to=` may lead. */
  returnOrigins: meta('latchkey:return-origins').split(' '),
};

/** Where the service is, with a slash at the end; behind a path prefix too. */
export const base = new URL('./', location.href).href;
