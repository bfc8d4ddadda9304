import { ConfigurationError } from './configuration-error.js';
import { environmentTexts, settingEntries, type SettingTexts } from './environment.js';
import { readKeyFile } from './keys/key-file.js';
import type { LatchkeyOptions } from './options.js';
import { RULES } from './setting-rules.js';
import type { LatchkeyConfig, SettingName } from './settings.js';

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
  return resolve(environmentTexts(environment), environment['NODE_ENV'] === 'production');
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
  for (const [name] of settingEntries()) {
    const value = options[name];
    if (value !== undefined) texts[name] = asText(value);
  }
  const given = { texts, names: {}, unread: new Set<SettingName>(), problems: [], files: {} };
  return resolve(given, process.env['NODE_ENV'] === 'production');
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

function resolve({ texts, names, files, ...given }: SettingTexts, production: boolean) {
  const problems = [...given.problems];
  const unread = new Set(given.unread);
  const values: Record<string, unknown> = { production, secretFiles: files };
  for (const [name, setting] of settingEntries()) {
    try {
      const text = texts[name] ?? setting.default;
      values[name] = text === undefined ? undefined : setting.parse(text);
    } catch (error) {
      unread.add(name);
      const said = error instanceof Error ? error.message : 'is wrong';
      problems.push(`${names[name] ?? setting.variable} ${said}`);
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
