import { type Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from './exit.js';
import { JSON_FLAG } from './options.js';
import { print, printJson, tell } from './terminal.js';

interface Options {
  port: number;
  controlPort: number;
  controlToken?: string;
  json?: boolean;
}

/** Where a token may come from that should not stand in a list of processes. */
const TOKEN_VARIABLE = 'LATCHKEY_CONTROL_TOKEN';
const TOKEN = /^[\w.~+/=-]{16,256}$/;

/** `latchkey dev-server`: the service for end-to-end tests, never for production. */
export function addDevServerCommand(program: Command): void {
  program
    .command('dev-server')
    .description('Run the service in memory for end-to-end tests, with a control port beside it.')
    .option('--port <number>', 'port of the service; 0: a free one', portOf, 3000)
    .option('--control-port <number>', 'control port, on 127.0.0.1; 0: a free one', portOf, 0)
    .option(
      '--control-token <token>',
      `16 characters or more; default: ${TOKEN_VARIABLE}, or a new one`,
    )
    .option(JSON_FLAG, 'print one JSON line with baseUrl, controlUrl and controlToken')
    .addHelpText('after', HELP)
    .action(devServer);
}

const HELP = `
Everything is gone when it ends. It takes the service's settings but DATABASE_URL; passwords are hashed
cheaply and nothing is limited unless you say so. Whoever has the control token can sign in as anybody:
it does not start with NODE_ENV=production. docs/testing.md has the control port's routes.

Examples:
  $ latchkey dev-server
  $ latchkey dev-server --port 0 --json
  $ curl -X POST -H "Authorization: Bearer $TOKEN" "$CONTROL/sign-in-as"`;

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 0 to 65535.');
}

async function devServer({ port, controlPort, json, ...options }: Options): Promise<void> {
  if (process.env['NODE_ENV'] === 'production') throw new CliError(REFUSAL, EXIT.configuration);
  const controlToken = options.controlToken ?? process.env[TOKEN_VARIABLE];
  if (controlToken !== undefined && !TOKEN.test(controlToken)) {
    throw new CliError(`${TOKEN_VARIABLE} or --control-token ${TOKEN_FORM}`, EXIT.usage);
  }
  if (process.env['DATABASE_URL']) tell('DATABASE_URL does not count: everything is in memory.');
  const { startDevServer } = await import('../testing/dev-server.js');
  const server = await startDevServer({
    port,
    controlPort,
    controlToken,
    environment: process.env,
  });
  const stop = signalled();
  const { baseUrl, controlUrl, controlToken: token } = server;
  if (json) printJson({ baseUrl, controlUrl, controlToken: token });
  else
    print(`Latchkey for tests listens on ${baseUrl}\nControl port: ${controlUrl}\nToken: ${token}`);
  await stop;
  await server.close();
}

/** Listens from now on, so that whoever has read where we are can end us. A second signal ends at once. */
function signalled(): Promise<void> {
  return new Promise((told) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => told());
  });
}

const REFUSAL =
  'dev-server signs in anybody without a password, so it does not start with NODE_ENV=production';
const TOKEN_FORM = 'must have 16 to 256 letters, digits or any of . _ ~ + / = -';
