import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addClientsCommands } from './clients.commands.js';
import { addDevServerCommand } from './dev-server.command.js';
import { addImportCommand } from './import.command.js';
import { addKeysCommands } from './keys.commands.js';
import { addServiceCommands } from './service.commands.js';
import { addUsersCommands } from './users.commands.js';

const WIDTH = 90;

const HELP = `
The configuration comes from environment variables, as the service's does; see docs/configuration.md.
Commands work beside a running service and on an empty database; running nodes see what they change
within 10 seconds.

Exit codes: 0 done, 1 failed, 64 wrong usage, 69 database away, 78 wrong configuration.

Examples:
  $ latchkey start
  $ latchkey users create --email ada@example.com --role admin
  $ latchkey users list --query ada --json
  $ latchkey clients create --id orders --scope "orders:read"
  $ latchkey keys rotate`;

/** The command line. It reads nothing but the package's version until a command is run. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .description(
      'Self-hosted authentication: accounts, sessions, service clients and signing keys.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ helpWidth: WIDTH })
    .showHelpAfterError('(--help shows the usage)')
    .exitOverride()
    .addHelpText('after', HELP);
  addServiceCommands(program);
  addImportCommand(addUsersCommands(program));
  addClientsCommands(program);
  addKeysCommands(program);
  addDevServerCommand(program);
  return program;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
