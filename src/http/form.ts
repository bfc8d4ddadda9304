import type { IncomingHttpHeaders } from 'node:http';
import { malformed } from './json-form.js';
import { hasBody } from './json-only.guard.js';
import { isMediaType } from './media-type.js';
import { Problem } from './problem.js';

export const FORM_TYPE = 'application/x-www-form-urlencoded';

/** The endpoints know a dozen. More would only cost time to decode. */
const MAX_PARAMETERS = 64;

/** The parameters of a form, each once and none of them empty. */
export type Form = ReadonlyMap<string, string>;

/** Whether a `Content-Type` header says a form in UTF-8. */
export function isForm(contentType: string | undefined): boolean {
  return isMediaType(contentType, FORM_TYPE);
}

/**
 * The form that a request brought (RFC 6749 Appendix B), strictly: that media type or no body, well-formed,
 * in UTF-8, no parameter twice (§3.2). A parameter without a value counts as left out. The parser in
 * front may have left the body as text, as ours does, or made an object of it.
 *
 * @throws Problem `unsupported_media_type` or `malformed_request`.
 */
export function readForm(request: { headers: IncomingHttpHeaders; body?: unknown }): Form {
  const { headers, body } = request;
  if (hasBody(headers) && !isForm(headers['content-type'])) {
    throw new Problem('unsupported_media_type');
  }
  if (body === undefined || body === null) return new Map();
  const form = new Map<string, string>();
  for (const [name, value] of typeof body === 'string' ? pairs(body) : members(body)) {
    if (form.has(name)) throw malformed('A parameter is there more than once.');
    if (name.includes('\0') || value.includes('\0')) {
      throw malformed('A parameter holds a NUL character.');
    }
    form.set(name, value);
  }
  return new Map([...form].filter(([, value]) => value !== ''));
}

/**
 * Decodes a name or a value of a form.
 *
 * @throws Problem `malformed_request` for a broken escape and for what is no UTF-8.
 */
export function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformed('The form is not well-formed.');
  }
}

function pairs(text: string): [name: string, value: string][] {
  const parts = text.split('&', MAX_PARAMETERS + 1);
  if (parts.length > MAX_PARAMETERS) throw malformed('The form has too many parameters.');
  return parts
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [decodeFormText(name), decodeFormText(value)];
    });
}

/** Other parsers make a list of a parameter that is there twice. */
function members(body: unknown): [name: string, value: string][] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw malformed('The body must be a form.');
  }
  return Object.entries(body).map(([name, value]) => {
    if (typeof value === 'string') return [name, value] as [string, string];
    throw malformed('A parameter is there more than once.');
  });
}
