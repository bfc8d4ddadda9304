import type { SIGNING_ALGORITHMS } from './contract/claims.js';
import type { AccessTokenClaim, RoleScopes } from './setting-values.js';

/**
 * What a host application may set; every option means what the environment variable of the same name
 * means. Durations are texts such as `30s`, `10m`, `12h`, `30d`.
 */
export interface LatchkeyOptions {
  /** Port of the standalone service. Default 3000. A host application listens by itself. */
  port?: number;
  /** Address of the standalone service. Default `0.0.0.0`. */
  host?: string;
  /** Absolute URL without a trailing slash; the `iss` of every token. Default `http://localhost:<port>`. */
  publicUrl?: string;
  /** `sqlite:<file>`, `sqlite::memory:` or `postgres://…`. Default `sqlite:./data/latchkey.db`. */
  databaseUrl?: string;
  /** Secrets of 32 bytes or more, newest first. Default: made and kept beside the SQLite file. */
  secret?: readonly string[];
  /** Duration. Default `10m`. */
  accessTokenTtl?: string;
  /** Default `ES256`. */
  accessTokenAlg?: (typeof SIGNING_ALGORITHMS)[number];
  /** Default: the public URL alone. */
  accessTokenAudience?: readonly string[];
  /** Default none. */
  accessTokenClaims?: readonly AccessTokenClaim[];
  /** 32 bytes or more; only for HS256. */
  accessTokenSecret?: string;
  /** Default false. */
  accessTokenCookie?: boolean;
  /** Duration. Default `30d`. */
  refreshTokenTtl?: string;
  /** 32 bytes or more. Default: made and kept encrypted in the database. */
  refreshTokenSecret?: string;
  /** Duration or `0`. Default `10s`. */
  refreshRetryWindow?: string;
  /** Duration. Default `180d`. */
  sessionMaxAge?: string;
  /** 1 to 1,000,000. Default 200. */
  sessionsPerUser?: number;
  /** Path of a PEM file. Default: keys in the database. */
  signingKeyFile?: string;
  /** Default `open`. */
  registration?: 'open' | 'closed';
  /** 4 to 15. Default 12. */
  bcryptCost?: number;
  /** Code points. Default 8. */
  passwordMinLength?: number;
  /** Origins. Default none. */
  corsOrigins?: readonly string[];
  /** Addresses or CIDR ranges. Default none. A host application sets its own adapter. */
  trustProxy?: readonly string[];
  /** Default true. */
  cookieSecure?: boolean;
  /** Default `strict`. */
  cookieSameSite?: 'strict' | 'lax' | 'none';
  /** Default `latchkey`. */
  cookiePrefix?: string;
  /** Default `info`. A host application has its own logger. */
  logLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** Default none: no metrics. Standalone service only. */
  metricsPort?: number;
  /** Default `127.0.0.1`. Standalone service only. */
  metricsHost?: string;
  /** Default `latchkey`. */
  clientId?: string;
  /** Default `{"admin":["users:read","users:write"],"user":[]}`. */
  roleScopes?: RoleScopes;
  /** Default `on`. */
  rateLimit?: 'on' | 'off';
  /** Duration or `0`. Default `0s`. Standalone service only. */
  shutdownDelay?: string;
  /** Duration or `0`. Default `30s`. */
  databaseWait?: string;
  /** Default `on`. Standalone service only. */
  pages?: 'on' | 'off';
  /** 1 to 60 characters. Default `Latchkey`. Standalone service only. */
  pagesName?: string;
  /** `#rrggbb`. Default `#0f6b5c`. Standalone service only. */
  pagesColor?: string;
}
