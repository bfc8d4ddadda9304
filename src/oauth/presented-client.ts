import type { IncomingHttpHeaders } from 'node:http';
import { decodeFormText, type Form } from '../http/form.js';
import { OAuthError } from '../http/oauth-error.js';

/** How a request says which client sent it. Nothing about it has been checked. */
export interface PresentedClient {
  id: string;
  /** Public clients have none. */
  secret: string | undefined;
}

/** RFC 7617 §2. */
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/**
 * Finds the client's credentials (RFC 6749 §2.3.1): in a Basic `Authorization` header, else in the form;
 * not in both. A header of another scheme is none of this: it is ignored.
 *
 * @throws OAuthError `invalid_client` for a garbled header, `invalid_request` for two ways at once.
 */
export function presentedClient(
  headers: IncomingHttpHeaders,
  form: Form,
): PresentedClient | undefined {
  const id = form.get('client_id');
  const secret = form.get('client_secret');
  const basic = basicCredentials(headers.authorization);
  if (basic === undefined) return id === undefined ? undefined : { id, secret };
  if (secret !== undefined || (id !== undefined && id !== basic.id)) {
    throw new OAuthError('invalid_request', 'Authenticate the client in one way only.');
  }
  return basic;
}

function basicCredentials(authorization: string | undefined): PresentedClient | undefined {
  if (!/^basic( |$)/i.test(authorization ?? '')) return undefined;
  const encoded = BASIC.exec(authorization ?? '')?.[1];
  if (encoded === undefined) throw garbled();
  const [, id = '', secret = ''] = /^([^:]+):(.*)$/s.exec(utf8(encoded)) ?? [];
  if (id === '') throw garbled();
  return { id: formText(id), secret: secret === '' ? undefined : formText(secret) };
}

function utf8(base64: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    throw garbled();
  }
}

/** Both are encoded as in a form before they are joined. */
function formText(text: string): string {
  try {
    return decodeFormText(text);
  } catch {
    throw garbled();
  }
}

function garbled(): OAuthError {
  return new OAuthError('invalid_client', 'The Authorization header is not well-formed.');
}
