/** The application under test: a page, and an API that takes Latchkey's tokens. */
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { bearerToken, createVerifier, TokenError } from 'latchkey/resource-server/core';
import { page } from './page.js';

/**
 * @param {import('latchkey/resource-server/core').VerifierOptions} options as in production; tests give
 *   it the clock of the kit.
 */
export function createApp(options) {
  const verifier = createVerifier(options);
  const server = createServer(async (request, response) => {
    try {
      const { status, type = 'application/json', body } = await answer(request, verifier, options);
      response.writeHead(status, { 'Content-Type': type }).end(body);
    } catch (error) {
      const { status, headers } =
        error instanceof TokenError ? error : { status: 500, headers: {} };
      response.writeHead(status, headers).end();
    }
  });
  server.on('close', () => verifier.close());
  return server;
}

async function answer({ method, url, headers }, verifier, { issuer }) {
  if (url === '/') return { status: 200, type: 'text/html', body: page(issuer) };
  if (url !== '/notes') return { status: 404 };
  const claims = await verifier.verify(bearerToken(headers));
  if (method === 'DELETE') return { status: claims.roles?.includes('admin') ? 204 : 403 };
  return { status: 200, body: JSON.stringify({ owner: claims.sub, notes: ['Buy milk'] }) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { PORT = '4000', LATCHKEY_URL = 'http://localhost:3000' } = process.env;
  createApp({ issuer: LATCHKEY_URL, audience: LATCHKEY_URL }).listen(Number(PORT));
}
