import express from 'express';
import {
  bearerToken,
  createVerifier,
  TokenError,
  type VerifierOptions,
} from 'latchkey/resource-server/core';

/** Express: one middleware in front of every route. */
export function startExpressShop(options: VerifierOptions) {
  const verifier = createVerifier(options);
  const app = express();
  app.use(async (request, response, next) => {
    try {
      response.locals['user'] = await verifier.verify(bearerToken(request.headers));
      next();
    } catch (error) {
      if (!(error instanceof TokenError)) return next(error);
      response.status(error.status).set(error.headers).json({ code: error.code });
    }
  });
  app.get('/orders', (_request, response) => {
    response.json({ owner: response.locals['user'].sub });
  });
  return app;
}
