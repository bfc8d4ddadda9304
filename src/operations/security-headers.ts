import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/**
 * The security headers of every answer. Nothing is loaded but from here, and no inline script runs: enough
 * for `/docs`, harmless for JSON. HSTS and an upgrade of requests would be wrong while `PUBLIC_URL` is http.
 *
 * Helmet works them out for a request that is none, once: they are the same for all of them.
 */
export function securityHeaders(publicUrl: string): Readonly<OutgoingHttpHeaders> {
  const known = workedOut.get(publicUrl);
  if (known !== undefined) return known;
  const headers = workOut(publicUrl);
  workedOut.set(publicUrl, headers);
  return headers;
}

const workedOut = new Map<string, Readonly<OutgoingHttpHeaders>>();

function workOut(publicUrl: string): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  protection(publicUrl)(request, response, (error) => {
    if (error !== undefined) throw error;
  });
  return response.getHeaders();
}

function protection(publicUrl: string) {
  const https = publicUrl.startsWith('https:');
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
