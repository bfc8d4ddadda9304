import { type Command, InvalidArgumentError } from 'commander';
import { JSON_FLAG, JSON_HELP } from './options.js';
import {
  createUser,
  deleteUser,
  listUsers,
  setDisabled,
  setPassword,
  setRoles,
  showUser,
  signOutUser,
  unlockUser,
} from './users.actions.js';

/** `latchkey users …` but for the import: accounts, past the HTTP interface but by the same rules. */
export function addUsersCommands(program: Command): Command {
  const users = program.command('users').description('Accounts.');
  addCreate(users);
  addList(users);
  addOne(users, 'show', 'Show a user.').action(showUser);
  addOne(users, 'disable', 'Refuse a user and end all his sessions.').action((user, output) =>
    setDisabled(user, true, output),
  );
  addOne(users, 'enable', 'Let a disabled user sign in again.').action((user, output) =>
    setDisabled(user, false, output),
  );
  addOne(
    users,
    'unlock',
    'Let a password that rests after too many failures be tried again.',
  ).action(unlockUser);
  addOne(users, 'delete', 'Delete a user and end all his sessions.')
    .option('-y, --yes', 'do not ask')
    .action(deleteUser);
  addOne(users, 'set-password', 'Give a user a new password and end all his sessions.')
    .addHelpText('after', PASSWORD_HELP)
    .action(setPassword);
  addOne(users, 'set-roles', 'Replace the roles of a user; they show in the next access token.')
    .argument('[roles...]', 'the new roles, none for no role at all')
    .addHelpText('after', SET_ROLES_HELP)
    .action(setRoles);
  addOne(users, 'sign-out', 'End all sessions of a user.').action(signOutUser);
  return users;
}

function addCreate(users: Command): void {
  users
    .command('create')
    .description('Create a user. The password is asked for, or read from standard input.')
    .requiredOption('--email <address>', 'e-mail address')
    .option('--username <name>', 'user name: 3 to 32 of a-z 0-9 . _ -')
    .option('--name <text>', 'full name')
    .option('--role <role>', 'role, repeatable (default: user)', collect)
    .option('--verified', 'the e-mail address is known to be right')
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', CREATE_HELP)
    .action(createUser);
}

function addList(users: Command): void {
  users
    .command('list')
    .description('List users, newest first.')
    .option('--query <text>', 'only those whose e-mail, user name or name begins with this')
    .option('--limit <number>', 'at most so many', count, 50)
    .option('--all', 'all of them')
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText('after', LIST_HELP)
    .action(listUsers);
}

function addOne(users: Command, name: string, description: string): Command {
  return users
    .command(name)
    .description(description)
    .argument('<user>', 'id, e-mail address or user name')
    .option(JSON_FLAG, JSON_HELP);
}

function collect(role: string, before: readonly string[] = []): string[] {
  return [...before, role];
}

function count(text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

const PASSWORD_HELP = `
The password is asked for twice on a terminal; otherwise it is the first line of standard input.`;

const CREATE_HELP = `${PASSWORD_HELP}

Examples:
  $ latchkey users create --email ada@example.com --role admin
  $ printf '%s\\n' "$PASSWORD" | latchkey users create --email ada@example.com --json`;

const LIST_HELP = `
Examples:
  $ latchkey users list --query ada
  $ latchkey users list --all --json | jq -r .email`;

const SET_ROLES_HELP = `
Examples:
  $ latchkey users set-roles ada@example.com user admin
  $ latchkey users set-roles ada user`;
