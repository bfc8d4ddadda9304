import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { UserStore } from '../users/user-store.js';
import { CliError, EXIT, exitCodeOf, sentenceOf } from './exit.js';
import { type ImportReport, UserImport } from './import.js';
import { JSON_FLAG, JSON_HELP } from './options.js';
import { withServices } from './services.js';
import { print, printJson, Progress, tell } from './terminal.js';

/** `latchkey users import FILE`. */
export function addImportCommand(users: Command): void {
  users
    .command('import')
    .description('Import users with plain bcrypt hashes from a file of JSON lines.')
    .argument('<file>', 'one JSON object a line; - reads standard input')
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', HELP)
    .action(importUsers);
}

const HELP = `
Members of a line: email, passwordHash ($2a$, $2b$ or $2y$), and optionally username, name, roles,
emailVerified, id (a UUID), createdAt (RFC 3339). Refused lines are reported by number and reason, and make the exit code 1; all others are
kept. Who is there already is left as he is, so a mended file can be imported again.

Examples:
  $ latchkey users import people.ndjson
  $ gunzip -c people.ndjson.gz | latchkey users import - --json`;

async function importUsers(file: string, { json }: { json?: boolean }): Promise<void> {
  const input = await opened(file);
  const progress = new Progress();
  const report = await withServices(async (services) => {
    const run = new UserImport(services.get(UserStore), {
      refused: ({ line, reason }) => {
        progress.clear();
        tell(`line ${line}: ${reason}`);
      },
      advanced: (so) => progress.show(`${so.lines} lines: ${counts(so)}`),
    });
    return run.of(input).catch((error: unknown) => stopped(run.report, error));
  });
  progress.clear();
  if (json) printJson(report);
  else print(counts(report));
  if (report.refused > 0) throw new CliError(`${report.refused} lines were refused`);
}

function counts({ created, present, refused }: ImportReport): string {
  return `${created} created, ${present} there already, ${refused} refused`;
}

/** What was kept stays; the same file may be run again. */
function stopped({ lines }: ImportReport, error: unknown): never {
  const after = lines === 0 ? 'Stopped before the first line' : `Stopped after line ${lines}`;
  throw new CliError(`${after}: ${sentenceOf(error)}. Run the same file again.`, exitCodeOf(error));
}

/** @throws CliError for a file that can't be read. */
async function opened(file: string): Promise<Readable> {
  if (file === '-') return process.stdin;
  try {
    const handle = await open(file);
    if ((await handle.stat()).isDirectory()) throw new Error('it is a directory');
    return handle.createReadStream();
  } catch (error) {
    const why = error instanceof Error ? error.message : 'for an unknown reason';
    throw new CliError(`${file} cannot be read: ${why}`, EXIT.failed);
  }
}
