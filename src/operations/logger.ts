import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { LatchkeyConfig } from '../config.js';

/** Members that are never written, wherever they stand, up to two levels deep. */
const SECRET = [
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'currentPassword',
  'newPassword',
  'passwordHash',
  'refreshToken',
  'accessToken',
  'token',
  'secret',
  'clientSecret',
  'refresh_token',
  'access_token',
  'client_secret',
  'seed',
].map((name) => `["${name}"]`);

/** JSON lines on standard output; readable ones if that is a terminal. */
export function createLogger(
  config: Pick<LatchkeyConfig, 'logLevel'>,
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET.flatMap((name) => [name, `*${name}`, `*.*${name}`]),
        censor: '[redacted]',
      },
    },
    destination ?? standardOutput(),
  );
}

function standardOutput(): DestinationStream {
  return process.stdout.isTTY ? pretty({ sync: true }) : pino.destination({ fd: 1, sync: true });
}

/** What Nest says about itself while it starts. Errors of the start are thrown, so nobody misses them here. */
const CHATTER = new Set([
  'ExceptionHandler',
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
  'NestMicroservice',
]);

/** Nest's logger on top of pino. Nest's start-up chatter is only for `debug`. */
export class NestLogger implements LoggerService {
  constructor(private readonly pino: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.#write(isChatter(rest) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write(isChatter(rest) ? 'debug' : 'error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  #write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: readonly unknown[],
  ): void {
    const context = contextOf(rest);
    const stack = rest.slice(0, -1).find((text) => typeof text === 'string');
    const fields = {
      ...(context === undefined ? {} : { context }),
      ...(stack === undefined ? {} : { stack }),
    };
    if (message instanceof Error) this.pino[level]({ ...fields, err: message }, message.message);
    else if (typeof message === 'string') this.pino[level](fields, message);
    else this.pino[level]({ ...fields, details: message });
  }
}

/** Nest passes the context last. */
function contextOf(rest: readonly unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : undefined;
}

function isChatter(rest: readonly unknown[]): boolean {
  return CHATTER.has(contextOf(rest) ?? '');
}
