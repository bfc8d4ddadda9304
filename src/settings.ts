import { SIGNING_ALGORITHMS } from './contract/claims.js';
import {
  addressRange,
  anyText,
  listenAddress,
  clientId,
  color,
  cookiePrefix,
  databaseUrl,
  DAY,
  duration,
  filled,
  integer,
  line,
  list,
  oneOf,
  origin,
  publicUrl,
  roleScopes,
  secret,
  yesOrNo,
} from './setting-values.js';

/** One setting: its environment variable, how its text is read, and what stands for it when it is absent. */
export interface Setting<Value> {
  readonly variable: string;
  /** @throws Error whose message follows the variable's name and never repeats the value. */
  readonly parse: (text: string) => Value;
  /** The text that stands for an absent one. */
  readonly default?: string;
  /** What the reference says when there is no fixed default. */
  readonly defaultNote?: string;
  /** Whether its text may also come from the file that `<variable>_FILE` names. */
  readonly isSecret?: true;
  /** What values it takes, for the reference. */
  readonly form: string;
  /** What it does, for the reference. */
  readonly about: string;
}

/** Every setting there is. `docs/configuration.md` is made from this table. */
export const SETTINGS = {
  port: {
    variable: 'PORT',
    parse: integer(0, 65535),
    default: '3000',
    form: '0 to 65535',
    about: 'The port to listen on; 0 takes a free one.',
  },
  host: {
    variable: 'HOST',
    parse: listenAddress,
    default: '0.0.0.0',
    form: 'address or host name',
    about: 'The address to listen on.',
  },
  publicUrl: {
    variable: 'PUBLIC_URL',
    parse: publicUrl,
    defaultNote: '`http://localhost:<PORT>`',
    form: 'absolute URL without a trailing slash',
    about:
      'Where clients reach the service. It is the `iss` of every token, byte for byte, whatever `Host` a request names.',
  },
  databaseUrl: {
    variable: 'DATABASE_URL',
    parse: databaseUrl,
    isSecret: true,
    default: 'sqlite:./data/latchkey.db',
    form: '`sqlite:<file>` or `postgres://…`, as pg takes it',
    about:
      'Where the data lives. For PostgreSQL `?host=/var/run/postgresql` names a socket, `?schema=auth` a schema, which is made if it is missing.',
  },
  secret: {
    variable: 'LATCHKEY_SECRET',
    parse: filled(list(secret)),
    isSecret: true,
    defaultNote: 'made and kept beside the SQLite file; required for PostgreSQL',
    form: '32 bytes or more, 16 of them different; several comma-separated, newest first',
    about:
      'Wraps the working keys that lie in the database. To roll it, keep the new one first, then start once with `new,old`; after that `old` may go.',
  },
  accessTokenTtl: {
    variable: 'ACCESS_TOKEN_TTL',
    parse: duration(1, 30 * DAY),
    default: '10m',
    form: 'duration up to 30d',
    about: 'Longest life of an access token; each is shortened at random by up to 5 %.',
  },
  accessTokenAlg: {
    variable: 'ACCESS_TOKEN_ALG',
    parse: oneOf(...SIGNING_ALGORITHMS),
    default: 'ES256',
    form: SIGNING_ALGORITHMS.join(', '),
    about: 'Signature algorithm of access tokens. HS256 is for one-service installations.',
  },
  accessTokenAudience: {
    variable: 'ACCESS_TOKEN_AUDIENCE',
    parse: filled(list(anyText)),
    defaultNote: 'the value of `PUBLIC_URL`',
    form: 'comma-separated list',
    about: 'The `aud` of access tokens.',
  },
  accessTokenClaims: {
    variable: 'ACCESS_TOKEN_CLAIMS',
    parse: list(oneOf('email', 'username', 'name')),
    default: '',
    form: 'comma-separated list of email, username, name',
    about:
      'Personal data that access tokens carry in addition; `email` comes with `email_verified`.',
  },
  accessTokenSecret: {
    variable: 'ACCESS_TOKEN_SECRET',
    parse: secret,
    isSecret: true,
    defaultNote: 'none; required for HS256',
    form: '32 bytes or more, 16 of them different',
    about: 'The shared HS256 key; its UTF-8 bytes are used as they are.',
  },
  accessTokenCookie: {
    variable: 'ACCESS_TOKEN_COOKIE',
    parse: yesOrNo,
    default: 'false',
    form: 'true, false',
    about:
      'Also sets the access token as an HttpOnly cookie for sessions with the cookie transport.',
  },
  refreshTokenTtl: {
    variable: 'REFRESH_TOKEN_TTL',
    parse: duration(1),
    default: '30d',
    form: 'duration',
    about: 'How long a session may stay idle; slides with each renewal.',
  },
  refreshTokenSecret: {
    variable: 'REFRESH_TOKEN_SECRET',
    parse: secret,
    isSecret: true,
    defaultNote: 'a key made at the first start and kept encrypted in the database',
    form: '32 bytes or more, 16 of them different',
    about: 'The HS256 key of refresh tokens; its UTF-8 bytes are used as they are.',
  },
  refreshRetryWindow: {
    variable: 'REFRESH_RETRY_WINDOW',
    parse: duration(0, DAY),
    default: '10s',
    form: 'duration up to 1d, or 0',
    about:
      'For how long after a rotation the token it replaced gets the same answer again; 0 turns it off.',
  },
  sessionMaxAge: {
    variable: 'SESSION_MAX_AGE',
    parse: duration(1),
    default: '180d',
    form: 'duration',
    about: 'Longest life of a session, however busy it is.',
  },
  sessionsPerUser: {
    variable: 'SESSIONS_PER_USER',
    parse: integer(1, 1_000_000),
    default: '200',
    form: '1 to 1,000,000',
    about:
      'How many sessions a user may have. A sign-in beyond it ends the session that was used longest ago.',
  },
  signingKeyFile: {
    variable: 'SIGNING_KEY_FILE',
    parse: anyText,
    defaultNote: 'none: the keys live in the database, encrypted, and rotate by themselves',
    form: 'path of a PEM file',
    about: 'Private key that signs access tokens; further keys in the file are only listed.',
  },
  registration: {
    variable: 'REGISTRATION',
    parse: oneOf('open', 'closed'),
    default: 'open',
    form: 'open, closed',
    about: 'Whether anybody may register.',
  },
  bcryptCost: {
    variable: 'BCRYPT_COST',
    parse: integer(4, 15),
    default: '12',
    form: '4 to 15; below 10 only outside NODE_ENV=production',
    about:
      'Work factor of password hashes. Hashes of another cost are renewed at the next sign-in.',
  },
  passwordMinLength: {
    variable: 'PASSWORD_MIN_LENGTH',
    parse: integer(1, 256),
    default: '8',
    form: '1 to 256',
    about: 'Fewest code points of a password.',
  },
  corsOrigins: {
    variable: 'CORS_ORIGINS',
    parse: list(origin),
    default: '',
    form: 'comma-separated origins',
    about: 'Origins of browser applications that may call with credentials.',
  },
  trustProxy: {
    variable: 'TRUST_PROXY',
    parse: list(addressRange),
    default: '',
    form: 'comma-separated addresses or CIDR ranges',
    about: 'Proxies whose `X-Forwarded-For` is believed.',
  },
  cookieSecure: {
    variable: 'COOKIE_SECURE',
    parse: yesOrNo,
    default: 'true',
    form: 'true, false',
    about:
      'false drops `Secure` and the `__Host-` prefix: for plain-http development off localhost.',
  },
  cookieSameSite: {
    variable: 'COOKIE_SAME_SITE',
    parse: oneOf('strict', 'lax', 'none'),
    default: 'strict',
    form: 'strict, lax, none',
    about: '`SameSite` of the cookies.',
  },
  cookiePrefix: {
    variable: 'COOKIE_PREFIX',
    parse: cookiePrefix,
    default: 'latchkey',
    form: '1 to 32 of A-Z a-z 0-9 - _',
    about: 'How the names of the cookies begin. Two installations on one host need different ones.',
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    parse: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
    form: 'fatal, error, warn, info, debug, trace, silent',
    about: 'Least severe log line that is written.',
  },
  metricsPort: {
    variable: 'METRICS_PORT',
    parse: integer(0, 65535),
    defaultNote: 'none: there are no metrics',
    form: '0 to 65535',
    about: 'The port of `/metrics`; 0 takes a free one.',
  },
  metricsHost: {
    variable: 'METRICS_HOST',
    parse: listenAddress,
    default: '127.0.0.1',
    form: 'address or host name',
    about: 'The address that `METRICS_PORT` listens on.',
  },
  clientId: {
    variable: 'CLIENT_ID',
    parse: clientId,
    default: 'latchkey',
    form: '1 to 64 visible ASCII characters',
    about: 'The public first-party client: `client_id` of access tokens.',
  },
  roleScopes: {
    variable: 'ROLE_SCOPES',
    parse: roleScopes,
    default: '{"admin":["users:read","users:write"],"user":[]}',
    form: 'JSON object from role to list of scopes',
    about: 'What each role may do; becomes the `scope` claim.',
  },
  rateLimit: {
    variable: 'RATE_LIMIT',
    parse: oneOf('on', 'off'),
    default: 'on',
    form: 'on, off',
    about: 'off turns every rate limit off.',
  },
  shutdownDelay: {
    variable: 'SHUTDOWN_DELAY',
    parse: duration(0, DAY),
    default: '0s',
    form: 'duration up to 1d, or 0',
    about: 'How long the listener stays after readiness has gone, at shutdown.',
  },
  databaseWait: {
    variable: 'DATABASE_WAIT',
    parse: duration(0),
    default: '30s',
    form: 'duration or 0',
    about: 'How long the start waits for the database before it exits with 69.',
  },
  pages: {
    variable: 'PAGES',
    parse: oneOf('on', 'off'),
    default: 'on',
    form: 'on, off',
    about: 'Whether `/` serves pages to sign up, to sign in and to look after accounts.',
  },
  pagesName: {
    variable: 'PAGES_NAME',
    parse: line(60),
    default: 'Latchkey',
    form: '1 to 60 characters',
    about: 'What the pages call the service.',
  },
  pagesColor: {
    variable: 'PAGES_COLOR',
    parse: color,
    default: '#0f6b5c',
    form: '`#rrggbb`',
    about:
      'The colour of buttons and links on the pages, made darker or lighter where it would be hard to read.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

type Parsed<Name extends SettingName> = ReturnType<(typeof SETTINGS)[Name]['parse']>;

/** Settings that have neither a default nor a value worked out from others. */
type Absent =
  'secret' | 'accessTokenSecret' | 'refreshTokenSecret' | 'signingKeyFile' | 'metricsPort';

/** The configuration as the service uses it: read, checked, complete. Durations are in seconds. */
export type LatchkeyConfig = {
  readonly [Name in Exclude<SettingName, Absent>]: Parsed<Name>;
} & { readonly [Name in Absent]: Parsed<Name> | undefined } & {
  /** `NODE_ENV=production`. */
  readonly production: boolean;
  /** The files that secrets were read from, by the names of the variables that name them. */
  readonly secretFiles: Readonly<Record<string, string>>;
};
