/** Header names that a page may not send by itself (Fetch standard, forbidden request-header). */
const FORBIDDEN = new Set([
  'accept-charset',
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'connection',
  'content-length',
  'cookie',
  'cookie2',
  'date',
  'dnt',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'referer',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);
/** Those beginnings are forbidden too, or are a proxy's to set. */
const FORBIDDEN_BEGINNINGS = ['proxy-', 'sec-', 'x-forwarded-', 'x-http-method'];
const MAX_HEADERS = 64;
const MAX_LENGTH = 4096;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]{1,128}$/;

/**
 * The headers that a preflight asks for (`Access-Control-Request-Headers`), in lower case, without those that no page may
 * send and without what is no header name.
 */
export function requestedHeaders(header: string | undefined): readonly string[] {
  if (header === undefined || header.length > MAX_LENGTH) return [];
  const names = header.toLowerCase().split(',', MAX_HEADERS);
  return [...new Set(names.map((name) => name.trim()).filter(isPermitted))];
}

function isPermitted(name: string): boolean {
  return (
    TOKEN.test(name) &&
    !FORBIDDEN.has(name) &&
    !FORBIDDEN_BEGINNINGS.some((beginning) => name.startsWith(beginning))
  );
}
