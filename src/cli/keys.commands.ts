import type { Command } from 'commander';
import type { KeyListing } from '../keys/signing-keys.js';
import { SigningKeys } from '../keys/signing-keys.js';
import { CliError, EXIT } from './exit.js';
import { JSON_FLAG, JSON_HELP } from './options.js';
import { withServices } from './services.js';
import { print, printJson, printTable, tell } from './terminal.js';

interface Output {
  json?: boolean;
}

/** `latchkey keys …`: the keys that sign access tokens. */
export function addKeysCommands(program: Command): void {
  const keys = program.command('keys').description('The keys that sign access tokens.');
  keys
    .command('list')
    .description('Show the published keys in the order in which they sign.')
    .option(JSON_FLAG, JSON_HELP)
    .action(listKeys);
  keys
    .command('rotate')
    .description(
      'Move to the next stage: publish a key that signs in ten minutes, or sign with a key that is published already.',
    )
    .option('--now', 'sign with a new key at once')
    .option('--withdraw', 'with --now: drop all other keys at once, and refuse what they signed')
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', ROTATE_HELP)
    .action(rotateKeys);
}

const ROTATE_HELP = `
Keys rotate by themselves every 30 days. Running nodes see a change within 10 seconds. With --now,
services that keep the JWKS for a while may refuse new tokens until they fetch it again: use it when a
key has leaked, and add --withdraw so that nothing the leaked key signs is accepted any more: access
tokens that are in use are refused too, and clients renew them.

Examples:
  $ latchkey keys rotate
  $ latchkey keys rotate --now --json
  $ latchkey keys rotate --now --withdraw`;

async function listKeys({ json }: Output): Promise<void> {
  const keys = await withServices((services) => Promise.resolve(services.get(SigningKeys).list()));
  if (json) keys.forEach(printJson);
  else if (keys.length === 0) tell('No keys are published: HS256 signs with ACCESS_TOKEN_SECRET.');
  else printTable(['KEY', 'ALGORITHM', 'STAGE', 'CREATED', 'SIGNS FROM'], keys.map(cells));
}

function cells({ kid, algorithm, stage, createdAt, signsFrom }: KeyListing): string[] {
  return [kid, algorithm, stage, time(createdAt), time(signsFrom)];
}

function time(date: Date | null): string {
  return date?.toISOString() ?? '-';
}

interface Rotating extends Output {
  now?: boolean;
  withdraw?: boolean;
}

async function rotateKeys({ json, now = false, withdraw = false }: Rotating): Promise<void> {
  if (withdraw && !now) throw new CliError('--withdraw needs --now', EXIT.usage);
  const rotation = await withServices((services) => {
    const keys = services.get(SigningKeys);
    return withdraw ? keys.replaceAll() : keys.rotate({ now });
  });
  if (rotation.warning !== undefined) tell(`Warning: ${rotation.warning}`);
  if (json) return printJson(rotation);
  print(
    rotation.stage === 'current'
      ? `${rotation.kid} signs now`
      : `${rotation.kid} is published and signs from ${rotation.signsFrom.toISOString()}`,
  );
}
