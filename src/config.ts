import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError } from './configuration-error.js';
import { readKeyFile } from './keys/key-file.js';
import type { LatchkeyOptions } from './options.js';
import { type LatchkeyConfig, SETTINGS, type Setting, type SettingName } from './settings.js';

export { ConfigurationError } from './configuration-error.js';
export type { LatchkeyOptions } from './options.js';
export type { LatchkeyConfig } from './settings.js';

/** Injection token of the resolved configuration. */
export const CONFIG = Symbol('latchkey:config');

/**
 * Reads the configuration of the standalone service from environment variables.
 *
 * @throws ConfigurationError with all problems at once.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv = process.env): LatchkeyConfig {
  const texts: Partial<Record<SettingName, string>> = {};
  for (const [name, setting] of entries()) {
    const text = environment[setting.variable];
    if (text !== undefined && text.trim() !== '') texts[name] = text;
  }
  return resolve(texts, environment['NODE_ENV'] === 'production');
}

/**
 * Completes the options of a host application with the defaults and checks them like the environment's.
 * A configuration that is resolved already is returned as it is.
 *
 * @throws ConfigurationError with all problems at once.
 */
export function resolveOptions(options: LatchkeyOptions | LatchkeyConfig): LatchkeyConfig {
  if (isResolved(options)) return options;
  const texts: Partial<Record<SettingName, string>> = {};
  for (const [name] of entries()) {
    const value = options[name];
    if (value !== undefined) texts[name] = asText(value);
  }
  return resolve(texts, process.env['NODE_ENV'] === 'production');
}

/** `production` is no option: it comes from `NODE_ENV` alone. */
function isResolved(options: LatchkeyOptions | LatchkeyConfig): options is LatchkeyConfig {
  return 'production' in options;
}

/** An option's value as its environment variable would have it. */
export function asText(value: string | number | boolean | readonly string[] | object): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function entries(): [SettingName, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];
}

function resolve(texts: Partial<Record<SettingName, string>>, production: boolean): LatchkeyConfig {
  const problems: string[] = [];
  const unread = new Set<SettingName>();
  const values: Record<string, unknown> = { production };
  for (const [name, setting] of entries()) {
    try {
      const text = texts[name] ?? setting.default;
      values[name] = text === undefined ? undefined : setting.parse(text);
    } catch (error) {
      unread.add(name);
      problems.push(`${setting.variable} ${error instanceof Error ? error.message : 'is wrong'}`);
    }
  }
  const config = values as unknown as LatchkeyConfig;
  for (const [needs, broken, problem] of RULES) {
    if (!needs.some((name) => unread.has(name)) && broken(config)) problems.push(problem);
  }
  if (problems.length === 0) return complete(config);
  if (!unread.has('accessTokenAlg')) problems.push(...keyFileProblems(config));
  throw new ConfigurationError(problems);
}

/** Looked at only to be told with the others: who needs the keys reads the file, which may be readable but once. */
function keyFileProblems(config: LatchkeyConfig): readonly string[] {
  const { signingKeyFile, accessTokenAlg } = config;
  if (signingKeyFile === undefined || accessTokenAlg === 'HS256') return [];
  try {
    readKeyFile(signingKeyFile, accessTokenAlg);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/** What settings ask of each other: whether it is broken, and what to say. */
type Rule = readonly [
  needs: SettingName[],
  broken: (config: LatchkeyConfig) => boolean,
  problem: string,
];

const RULES: readonly Rule[] = [
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
    ['port', 'metricsPort'],
    (config) => config.metricsPort === config.port && config.port !== 0,
    'METRICS_PORT must differ from PORT',
  ],
];

function complete(config: LatchkeyConfig): LatchkeyConfig {
  const publicUrl = config.publicUrl ?? `http://localhost:${config.port}`;
  return {
    ...config,
    publicUrl,
    accessTokenAudience: config.accessTokenAudience ?? [publicUrl],
  };
}

/** How many threads libuv has for file access, name look-ups and bcrypt (`UV_THREADPOOL_SIZE`). */
export function threadPoolSize(): number {
  const size = Number(process.env['UV_THREADPOOL_SIZE']);
  return size >= 1 ? Math.floor(size) : 4;
}

/**
 * The secrets that wrap the working keys, newest first. For SQLite without `LATCHKEY_SECRET` one is
 * made at the first start and kept beside the database, readable by its owner only.
 *
 * @param first whether there are no keys yet. If there are, a secret made now could not open them.
 * @throws ConfigurationError when the kept secret is gone or damaged.
 */
export function wrappingSecrets(config: LatchkeyConfig, first: boolean): readonly string[] {
  if (config.secret !== undefined) return config.secret;
  if (config.databaseUrl.kind === 'sqlite' && config.databaseUrl.file !== ':memory:') {
    return [keptSecret(join(dirname(config.databaseUrl.file), 'latchkey.secret'), first)];
  }
  return [randomBytes(32).toString('base64url')];
}

function keptSecret(file: string, first: boolean): string {
  if (first && !existsSync(file)) writeOnce(file, randomBytes(32).toString('base64url'));
  if (!existsSync(file)) {
    throw new ConfigurationError([`LATCHKEY_SECRET: the kept secret is gone, it was ${file}`]);
  }
  const secret = readFileSync(file, 'utf8').trim();
  if (Buffer.byteLength(secret) >= 32) return secret;
  throw new ConfigurationError([`LATCHKEY_SECRET: the kept secret is damaged, see ${file}`]);
}

/** Several processes may start at once: the first link wins, and everybody reads the winner's. */
function writeOnce(file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
