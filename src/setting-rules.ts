import type { LatchkeyConfig, SettingName } from './settings.js';

/** What settings ask of each other: whether it is broken, and what to say. */
type Rule = readonly [
  needs: SettingName[],
  broken: (config: LatchkeyConfig) => boolean,
  problem: string,
];

export const RULES: readonly Rule[] = [
  [
    ['accessTokenAlg', 'accessTokenSecret'],
    (config) => config.accessTokenAlg === 'HS256' && config.accessTokenSecret === undefined,
    'ACCESS_TOKEN_SECRET is required when ACCESS_TOKEN_ALG is HS256',
  ],
  [
    ['accessTokenAlg', 'accessTokenSecret'],
    (config) => config.accessTokenAlg !== 'HS256' && config.accessTokenSecret !== undefined,
    'ACCESS_TOKEN_SECRET is only for ACCESS_TOKEN_ALG=HS256',
  ],
  [
    ['accessTokenAlg'],
    (config) => config.accessTokenAlg === 'HS256' && config.signingKeyFile !== undefined,
    'SIGNING_KEY_FILE has no use with ACCESS_TOKEN_ALG=HS256',
  ],
  [
    ['cookieSameSite', 'cookieSecure'],
    (config) => config.cookieSameSite === 'none' && !config.cookieSecure,
    'COOKIE_SAME_SITE=none needs COOKIE_SECURE=true: browsers refuse the cookie otherwise',
  ],
  [
    ['bcryptCost'],
    (config) => config.production && config.bcryptCost < 10,
    'BCRYPT_COST below 10 is not for NODE_ENV=production',
  ],
  [
    ['databaseUrl', 'secret'],
    (config) => config.secret === undefined && config.databaseUrl.kind === 'postgres',
    'LATCHKEY_SECRET is required with PostgreSQL: every node must have the same one',
  ],
  [
    ['accessTokenCookie', 'roleScopes'],
    (config) =>
      config.accessTokenCookie && Object.values(config.roleScopes).some(isTooLargeForCookie),
    'ROLE_SCOPES has a role whose scopes alone are too large for the cookie of ACCESS_TOKEN_COOKIE',
  ],
  [
    ['port', 'metricsPort'],
    (config) => config.metricsPort === config.port && config.port !== 0,
    'METRICS_PORT must differ from PORT',
  ],
];

/** Of the 4,096 bytes of a cookie a token's other claims, header and signature take 500 at least. */
function isTooLargeForCookie(scopes: readonly string[]): boolean {
  return Math.ceil((scopes.join(' ').length * 4) / 3) > 4096 - 500;
}
