import { CommanderError } from 'commander';
import { ConfigurationError } from '../config.js';
import { PROBLEMS } from '../contract/problems.js';
import { DatabaseAwayError } from '../database/open.js';
import { isStorageUnavailable, StorageUnavailableError } from '../database/storage-error.js';
import { Problem } from '../http/problem.js';
import { harmless } from './harmless.js';

/** What a command ends with; the numbers above 1 are those of `sysexits.h`. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, configuration: 78 } as const;

/** A command can't do what it was asked. The message is one sentence for the operator. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
  ) {
    super(message);
  }
}

/** The exit code that tells a script what kind of trouble it was. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigurationError) return EXIT.configuration;
  return isAway(error) ? EXIT.unavailable : EXIT.failed;
}

/**
 * What the operator reads: one sentence, or one a problem where there are several.
 *
 * @returns undefined when commander has said it already.
 */
export function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CommanderError) return undefined;
  if (error instanceof Problem) return problemSentence(error);
  if (isAway(error)) return `The database cannot be reached${because(error)}`;
  return error instanceof Error && error.message !== '' ? error.message : 'Something went wrong';
}

/** The same sentences as over HTTP; each validation error with the name of its member. */
export function problemSentence({ code, extra }: Problem): string {
  if (extra.errors !== undefined) {
    return extra.errors
      .map(({ pointer, detail }) => harmless(`${pointer.slice(1)} ${detail}`.trim()))
      .join('; ');
  }
  const { title, advice } = PROBLEMS[code];
  return code === 'last_admin' ? `${title} ${advice}` : (extra.detail ?? title);
}

function isAway(error: unknown): boolean {
  return error instanceof DatabaseAwayError || isStorageUnavailable(error);
}

function because(error: unknown): string {
  const wrapped = error instanceof DatabaseAwayError || error instanceof StorageUnavailableError;
  const cause = wrapped ? error.cause : error;
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (wrapped && first instanceof StorageUnavailableError) return because(first);
  return first instanceof Error && first.message !== '' ? `: ${first.message}` : '';
}
