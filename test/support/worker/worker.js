import { createVerifier, TokenError } from 'latchkey/resource-server/core';

/* A service on an edge runtime: says who calls. Nothing of Node is there. */
export default {
  /**
   * @param {Request} request
   * @param {{ ISSUER: string }} env
   */
  async fetch(request, env) {
    const verifier = createVerifier({ issuer: env.ISSUER, audience: 'orders' });
    try {
      const authorization = request.headers.get('authorization') ?? '';
      const claims = await verifier.verify(authorization.replace('Bearer ', ''));
      const hasNode = 'Buffer' in globalThis || 'process' in globalThis;
      return Response.json({
        sub: claims.sub,
        lists: verifier.state().statusLists.length,
        hasNode,
      });
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return Response.json({ code: error.code }, { status: error.status, headers: error.headers });
    } finally {
      verifier.close();
    }
  },
};
