import { statSync } from 'node:fs';
import { keptSecretFile } from './keys/kept-secret.js';
import type { LatchkeyConfig } from './settings.js';

const HOUR = 60 * 60;
const MIN_PASSWORD_LENGTH = 8;
const RETRY_WINDOW_SECONDS = 60;

/** A setting that works and that few would want: whether it is so, and what to say. */
type Doubt = readonly [unwise: (config: LatchkeyConfig) => boolean, warning: string];

/** Asked under `NODE_ENV=production` alone. */
const DOUBTS: readonly Doubt[] = [
  [
    ({ cookieSecure, publicUrl }) => !cookieSecure && publicUrl.startsWith('https:'),
    'COOKIE_SECURE=false under https: browsers send the cookies over plain http, too',
  ],
  [
    ({ publicUrl }) => isPlain(publicUrl),
    'PUBLIC_URL is http: whoever is on the way reads passwords and tokens',
  ],
  [
    ({ corsOrigins, publicUrl }) => publicUrl.startsWith('https:') && corsOrigins.some(isPlain),
    'CORS_ORIGINS lists an origin that is http: whoever is on the way there can act for its visitors',
  ],
  [
    ({ accessTokenTtl }) => accessTokenTtl > HOUR,
    'ACCESS_TOKEN_TTL is longer than 1h: services that verify tokens by themselves accept a stolen one for as long',
  ],
  [
    ({ accessTokenTtl, refreshTokenTtl }) => accessTokenTtl > refreshTokenTtl,
    'ACCESS_TOKEN_TTL is longer than REFRESH_TOKEN_TTL: access tokens outlive their session',
  ],
  [
    ({ refreshTokenTtl, sessionMaxAge }) => refreshTokenTtl > sessionMaxAge,
    'REFRESH_TOKEN_TTL is longer than SESSION_MAX_AGE, which ends every session first',
  ],
  [
    ({ refreshRetryWindow }) => refreshRetryWindow > RETRY_WINDOW_SECONDS,
    'REFRESH_RETRY_WINDOW is longer than 1m: for as long a stolen refresh token is taken for a retry',
  ],
  [
    isShared,
    'LATCHKEY_SECRET, ACCESS_TOKEN_SECRET and REFRESH_TOKEN_SECRET should differ: who learns one has them all',
  ],
  [({ rateLimit }) => rateLimit === 'off', 'RATE_LIMIT=off: passwords can be guessed at any rate'],
  [
    ({ passwordMinLength }) => passwordMinLength < MIN_PASSWORD_LENGTH,
    'PASSWORD_MIN_LENGTH is below 8: such passwords are soon guessed',
  ],
  [
    ({ trustProxy }) => trustProxy.some(isWide),
    'TRUST_PROXY has a range that holds far more than proxies: whoever is in it chooses the address that limits count',
  ],
  [
    ({ databaseUrl }) => databaseUrl.kind === 'sqlite' && databaseUrl.file === ':memory:',
    'DATABASE_URL is in memory: all users are gone when the process ends',
  ],
];

/** Whether a secret was given for two purposes. */
function isShared({ secret = [], ...config }: LatchkeyConfig): boolean {
  const given = [...new Set(secret), config.accessTokenSecret, config.refreshTokenSecret];
  const secrets = given.filter((one) => one !== undefined);
  return new Set(secrets).size < secrets.length;
}

/** @returns a sentence for each setting that is unwise in production. Names settings, never a value. */
export function unwiseSettings(config: LatchkeyConfig): readonly string[] {
  if (!config.production) return [];
  return DOUBTS.filter(([unwise]) => unwise(config)).map(([, warning]) => warning);
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function isPlain(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !LOOPBACK.has(hostname) && !hostname.endsWith('.localhost');
}

/** More than the largest private networks, `10.0.0.0/8` and `fc00::/7`. */
function isWide(range: string): boolean {
  const [address = '', prefix] = range.split('/');
  return prefix !== undefined && Number(prefix) < (address.includes(':') ? 7 : 8);
}

/**
 * Looks at the files that hold secrets or users.
 *
 * @returns a sentence for each that others on this machine may read. A group may where the file is another's, as
 *   mounted secrets are: it is then how the service itself may.
 */
export function exposedFiles(config: LatchkeyConfig): readonly string[] {
  return secretFilesOf(config)
    .filter(([, file]) => isExposed(file))
    .map(
      ([name]) => `${name} can be read by others on this machine: chmod go-rwx takes it from them`,
    );
}

function secretFilesOf(config: LatchkeyConfig): readonly (readonly [string, string])[] {
  const { databaseUrl, signingKeyFile, secretFiles } = config;
  const kept = keptSecretFile(config);
  const database =
    databaseUrl.kind === 'sqlite' && databaseUrl.file !== ':memory:' ? databaseUrl.file : undefined;
  return [
    ...Object.entries(secretFiles),
    ...(signingKeyFile === undefined ? [] : [['SIGNING_KEY_FILE', signingKeyFile] as const]),
    ...(kept === undefined ? [] : [[kept, kept] as const]),
    ...(database === undefined
      ? []
      : ['', '-wal', '-shm'].map((end) => [database + end, database + end] as const)),
  ];
}

function isExposed(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  // Windows has no such modes.
  if (found === undefined || !found.isFile() || process.getuid === undefined) return false;
  const isOwn = found.uid === process.getuid();
  return (found.mode & (isOwn ? 0o077 : 0o007)) !== 0;
}
