import type { FastifyHelmetOptions } from '@fastify/helmet';
import type { LatchkeyConfig } from '../config.js';

/**
 * The security headers of every answer. Nothing is loaded but from here, and no inline script runs: enough
 * for `/docs`, harmless for JSON. HSTS and an upgrade of requests would be wrong while `PUBLIC_URL` is http.
 */
export function securityHeaders(config: LatchkeyConfig): FastifyHelmetOptions {
  const https = config.publicUrl.startsWith('https:');
  return {
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
  };
}
