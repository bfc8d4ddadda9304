import { type Command, InvalidArgumentError } from 'commander';
import type { ClientRow } from '../oauth/client.repository.js';
import { ServiceClients } from '../oauth/service-clients.js';
import { DAY, duration } from '../setting-values.js';
import { scopeList } from '../tokens/scopes.js';
import { CliError, EXIT } from './exit.js';
import { harmless } from './harmless.js';
import { JSON_FLAG, JSON_HELP } from './options.js';
import { withServices } from './services.js';
import { confirm, print, printJson, printTable, tell } from './terminal.js';

interface Output {
  json?: boolean;
}

interface CreateOptions extends Output {
  id: string;
  scope?: string[];
  audience?: string[];
}

interface RotateOptions extends Output {
  id: string;
  /** Seconds. */
  keep: number;
}

interface DeleteOptions extends Output {
  id?: string;
  yes?: boolean;
}

/** `latchkey clients …`: other services that get tokens of their own and ask about tokens. */
export function addClientsCommands(program: Command): void {
  const clients = program.command('clients').description('Service clients.');
  clients
    .command('create')
    .description('Register a service. Its secret is printed once and can’t be had again.')
    .requiredOption('--id <id>', 'its client_id: 1 to 64 visible ASCII characters')
    .option('--scope <scopes>', 'what its tokens may do: space-separated, repeatable', scopes)
    .option(
      '--audience <audiences>',
      'whom its tokens are for: comma-separated, repeatable (default: ACCESS_TOKEN_AUDIENCE)',
      audiences,
    )
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', CREATE_HELP)
    .action(createClient);
  clients
    .command('rotate-secret')
    .description('Give a service client another secret, which is printed once.')
    .requiredOption('--id <id>', 'its client_id')
    .option(
      '--keep <duration>',
      'how long the old secret is good as well: 30s 10m 24h 30d',
      keep,
      0,
    )
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', ROTATE_HELP)
    .action(rotateSecret);
  clients
    .command('list')
    .description('List the service clients.')
    .option(JSON_FLAG, JSON_HELP)
    .action(listClients);
  clients
    .command('delete')
    .description('Delete a service client. Introspection calls its tokens inactive from then on.')
    .argument('[client]', 'its client_id')
    .option('--id <id>', 'the same as an option')
    .option('-y, --yes', 'do not ask on a terminal')
    .option(JSON_FLAG, JSON_HELP)
    .action(deleteClient);
}

const CREATE_HELP = `
Examples:
  $ latchkey clients create --id orders --scope "orders:read stock:read"
  $ latchkey clients create --id orders --audience https://stock.example.com --json`;

const ROTATE_HELP = `
Running nodes take the new secret at once. With --keep, a service may be given it one instance after another.
Of several earlier secrets only the last is kept.

Examples:
  $ latchkey clients rotate-secret --id orders --keep 24h
  $ latchkey clients rotate-secret --id orders --json`;

const MAX_KEEP_SECONDS = 90 * DAY;

function keep(text: string): number {
  try {
    return duration(0, MAX_KEEP_SECONDS)(text);
  } catch {
    throw new InvalidArgumentError('It must be a duration such as 24h, up to 90d.');
  }
}

function scopes(text: string, before: readonly string[] = []): string[] {
  const list = scopeList(text);
  if (list !== undefined) return [...before, ...list];
  throw new InvalidArgumentError('It must be a space-separated list of scopes.');
}

function audiences(text: string, before: readonly string[] = []): string[] {
  const list = text.split(',').map((one) => one.trim());
  return [...before, ...list.filter((one) => one !== '')];
}

async function createClient({ id, scope = [], audience = [], json }: CreateOptions): Promise<void> {
  const { client, secret } = await withServices((services) =>
    services.get(ServiceClients).create({ id, scopes: scope, audience }),
  );
  if (json) return printJson({ clientId: client.id, clientSecret: secret });
  print(`Client: ${client.id}`);
  print(`Secret: ${secret}`);
  tell('Keep the secret now: it is not shown again.');
}

async function rotateSecret({ id, keep: keepFor, json }: RotateOptions): Promise<void> {
  const secret = await withServices((services) =>
    services.get(ServiceClients).rotateSecret(id, keepFor),
  );
  if (secret === undefined) throw unknown(id);
  if (json) return printJson({ clientId: id, clientSecret: secret });
  print(`Client: ${harmless(id)}`);
  print(`Secret: ${secret}`);
  tell('Keep the secret now: it is not shown again.');
}

async function listClients({ json }: Output): Promise<void> {
  const clients = await withServices((services) => services.get(ServiceClients).list());
  if (json) clients.map(shown).forEach(printJson);
  else if (clients.length === 0) tell('No service clients.');
  else printTable(['CLIENT', 'SCOPES', 'AUDIENCE', 'CREATED'], clients.map(cells));
}

/** On a terminal it asks; elsewhere the id says what is meant. */
async function deleteClient(client: string | undefined, options: DeleteOptions): Promise<void> {
  const id = client ?? options.id;
  if (id === undefined || (client !== undefined && options.id !== undefined)) {
    throw new CliError('Name one client', EXIT.usage);
  }
  await withServices(async (services) => {
    const clients = services.get(ServiceClients);
    if ((await clients.find(id)) === undefined) throw unknown(id);
    if (options.yes !== true && process.stdin.isTTY) await confirm(`Delete ${harmless(id)}?`);
    if (!(await clients.remove(id))) throw unknown(id);
  });
  if (options.json) printJson({ clientId: id, deleted: true });
  else print(`Deleted ${id}`);
}

function unknown(id: string): CliError {
  return new CliError(`There is no client ${harmless(id)}`);
}

function shown({ id, scopes, audience, createdAt }: ClientRow) {
  return { clientId: id, scopes, audience, createdAt: new Date(createdAt).toISOString() };
}

function cells({ id, scopes, audience, createdAt }: ClientRow): string[] {
  return [
    id,
    scopes.join(' ') || '-',
    audience.join(',') || '-',
    new Date(createdAt).toISOString(),
  ];
}
