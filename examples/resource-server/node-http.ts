import { createServer } from 'node:http';
import {
  bearerToken,
  createVerifier,
  TokenError,
  type VerifierOptions,
} from 'latchkey/resource-server/core';

/** Plain Node: the whole service. */
export function startNodeShop(options: VerifierOptions) {
  const verifier = createVerifier(options);
  return createServer(async (request, response) => {
    try {
      const claims = await verifier.verify(bearerToken(request.headers));
      response.end(JSON.stringify({ owner: claims.sub }));
    } catch (error) {
      const { status, headers } =
        error instanceof TokenError ? error : { status: 500, headers: {} };
      response.writeHead(status, headers).end();
    }
  });
}
