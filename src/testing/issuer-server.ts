import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { STATUS_LIST_MEDIA_TYPE } from '../contract/status-list.js';
import { etagOf, isFresh, publicDocument, type PublicDocument } from '../keys/public-document.js';
import { decoded, type Json } from './forged-jwt.js';
import type { IssuerCore } from './issuer-core.js';

const LIST_PATH = /^\/\.well-known\/status-lists\/(0|[1-9]\d{0,9})$/;
/** Seconds, as the service's own. */
const MAX_AGE = { document: 300, list: 1 };

/** A server that answers nothing yet. */
export class IssuerServer {
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  #core: IssuerCore | undefined;

  /** @returns where it listens. @param port 0 for a free one. */
  async listen(port: number): Promise<string> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : port;
    return `http://localhost:${taken}`;
  }

  /** Speaks for this issuer from now on. */
  answerFor(core: IssuerCore): void {
    this.#core = core;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const core = this.#core;
    const path = request.url?.split('?', 1)[0] ?? '';
    if (core === undefined) response.writeHead(503).end();
    else if (request.method === 'POST' && path === '/oauth/introspect') {
      await introspect(core, request, response);
    } else {
      answer(core, path, request, response);
    }
  }
}

function answer(
  core: IssuerCore,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const list = LIST_PATH.exec(path)?.[1];
  const found = list === undefined ? document(core, path) : statusList(core, Number(list));
  if (found === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(404, { 'cache-control': 'no-store' }).end();
    return;
  }
  const maxAge = list === undefined ? MAX_AGE.document : MAX_AGE.list;
  const headers = {
    'cache-control': `public, max-age=${maxAge}`,
    etag: found.etag,
    'access-control-allow-origin': '*',
  };
  if (isFresh(request.headers['if-none-match'], found.etag)) {
    response.writeHead(304, headers).end();
  } else {
    response.writeHead(200, { ...headers, 'content-type': found.type }).end(found.text);
  }
}

function document(core: IssuerCore, path: string): PublicDocument | undefined {
  switch (path) {
    case '/.well-known/jwks.json':
      return publicDocument(core.jwks());
    case '/.well-known/oauth-authorization-server':
      return publicDocument(metadata(core));
    case '/.well-known/openid-configuration':
      return publicDocument({ ...metadata(core), ...OPENID });
    default:
      return undefined;
  }
}

const OPENID = {
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
};

/** What the service's metadata says, but for the endpoints that are not here. */
function metadata({ issuer }: IssuerCore): Json {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: [],
    introspection_endpoint: `${issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  };
}

/** The validator is weak, as the service's: a list is signed anew for everybody who asks. */
function statusList(core: IssuerCore, list: number): PublicDocument | undefined {
  if (list >= core.lists) return undefined;
  const { token, bits } = core.statusList(list);
  const etag = `W/${etagOf(JSON.stringify([core.key.kid, list, bits]))}`;
  return { text: token, etag, type: STATUS_LIST_MEDIA_TYPE };
}

/** RFC 7662. Whoever names a client is taken for it; the token must be one that this issuer signed. */
async function introspect(
  core: IssuerCore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const form = new URLSearchParams(body);
  const named = /^basic /i.test(request.headers.authorization ?? '') || form.has('client_secret');
  const token = form.get('token') ?? '';
  const active = core.isActive(token);
  const claims = active ? { active, token_type: 'Bearer', ...decoded(token).payload } : { active };
  response
    .writeHead(named ? 200 : 401, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...(named ? {} : { 'www-authenticate': 'Basic realm="latchkey", charset="UTF-8"' }),
    })
    .end(JSON.stringify(named ? claims : { error: 'invalid_client' }));
}
