import type { FastifyInstance } from 'fastify';
import { FORM_TYPE, isForm } from '../http/form.js';
import { malformed } from '../http/json-form.js';
import { isJson } from '../http/json-only.guard.js';
import { isOAuthEndpoint } from '../http/oauth-error.js';
import { Problem } from '../http/problem.js';

/** Bytes. */
export const BODY_LIMIT = 64 * 1024;

/** @param oauth whether it came to an endpoint of OAuth: these take forms, all the others JSON. */
type Parse = (body: Buffer, contentType: string | undefined, oauth: boolean) => unknown;

/** Every media type that a body may have. */
const PARSERS: readonly (readonly [type: string, parse: Parse])[] = [
  ['application/json', parseJson],
  [FORM_TYPE, parseForm],
  ['*', refuse],
];

/** Replaces Fastify's parsers by our strict ones; Nest's own must be off (`bodyParser: false`). */
export function installBodyParsers(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  for (const [type, parse] of PARSERS) {
    instance.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
      (request, body, done) => {
        try {
          const oauth = isOAuthEndpoint(request.raw.url ?? '');
          done(null, parse(body as Buffer, request.headers['content-type'], oauth));
        } catch (error) {
          done(error as Error);
        }
      },
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 8259 §8.1: UTF-8 without a byte order mark. No body is no value, not an error. */
function parseJson(body: Buffer, contentType: string | undefined, oauth: boolean): unknown {
  if (oauth) return refuse(body);
  if (!isJson(contentType)) throw new Problem('unsupported_media_type');
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(utf8.decode(body)) as unknown;
  } catch {
    throw malformed('The body is not JSON in UTF-8.');
  }
}

/** Leaves the text to `readForm`, which judges it. */
function parseForm(body: Buffer, contentType: string | undefined, oauth: boolean): unknown {
  if (!oauth || !isForm(contentType)) return refuse(body);
  try {
    return utf8.decode(body);
  } catch {
    throw malformed('The form is not UTF-8.');
  }
}

function refuse(body: Buffer): undefined {
  if (body.length > 0) throw new Problem('unsupported_media_type');
}
