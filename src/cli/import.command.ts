import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { CliError, EXIT } from './exit.js';
import { JSON_FLAG, JSON_HELP } from './options.js';

export function addImportCommand(users: Command): void {
  users
    .command('import')
    .description('Import users with plain bcrypt hashes from a file of JSON lines.')
    .argument('<file>', 'one JSON object a line; - reads standard input')
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', HELP)
    .action(() => undefined);
}

const HELP = `
Members of a line: email, passwordHash ($2a$ or $2b$), and optionally username, name, roles,
emailVerified. Refused lines are reported by number and reason, and make the exit code 1; all others are
kept. Who is there already is left as he is, so a mended file can be imported again.

Examples:
  $ latchkey users import people.ndjson
  $ gunzip -c people.ndjson.gz | latchkey users import - --json`;
