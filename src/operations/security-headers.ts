import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';
import type { LatchkeyConfig } from '../config.js';

/**
 * The security headers of every answer. Nothing is loaded but from here, and no inline script runs: enough
 * for `/docs`, harmless for JSON. HSTS and an upgrade of requests would be wrong while `PUBLIC_URL` is http.
 *
 * Helmet works them out for a request that is none, once: they are the same for all of them.
 */
export function securityHeaders(config: LatchkeyConfig): Readonly<OutgoingHttpHeaders> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  protection(config)(request, response, (error) => {
    if (error !== undefined) throw error;
  });
  return response.getHeaders();
}

function protection(config: LatchkeyConfig) {
  const https = config.publicUrl.startsWith('https:');
  return helmet({
    strictTransportSecurity: https ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
  });
}
