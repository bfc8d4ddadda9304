import type { INestApplicationContext } from '@nestjs/common';
import { UsersService } from '../users/users.service.js';
import { adminUserView, userView } from '../users/user-view.js';
import type { UserRecord } from '../users/user-store.js';
import { SessionList } from '../sessions/session-list.js';
import { Sessions } from '../sessions/sessions.js';
import { CliError, EXIT } from './exit.js';
import { harmless } from './harmless.js';
import { withServices } from './services.js';
import {
  confirm,
  newPassword,
  nobodyReads,
  print,
  printJson,
  printTable,
  tell,
} from './terminal.js';

interface Output {
  json?: boolean;
}

export interface CreateOptions extends Output {
  email: string;
  username?: string;
  name?: string;
  role?: string[];
  verified?: boolean;
}

export interface ListOptions extends Output {
  query?: string;
  limit: number;
  all?: boolean;
}

/** The largest page that the users' list gives. */
const PAGE = 200;

export async function createUser(options: CreateOptions): Promise<void> {
  const password = await newPassword();
  const user = await withServices((services) =>
    services.get(UsersService).createByAdmin({
      email: options.email,
      password,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.role === undefined ? {} : { roles: options.role }),
      emailVerified: options.verified === true,
    }),
  );
  say(options, shown(user), `Created ${nameOf(user)} (${user.id})`);
}

export function listUsers(options: ListOptions): Promise<void> {
  const most = options.all === true ? Infinity : options.limit;
  return withServices(async (services) => {
    const users = services.get(UsersService);
    let cursor: string | undefined;
    let left = most;
    let first = true;
    do {
      const page = await users.list({ limit: Math.min(PAGE, left), cursor, query: options.query });
      showPage(page.items, options, first);
      first = false;
      left -= page.items.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && left > 0 && !nobodyReads());
    if (cursor !== undefined && !options.json) tell('There are more: --all shows every one.');
  });
}

function showPage(items: readonly UserRecord[], { json }: Output, first: boolean): void {
  if (json) items.map(shown).forEach(printJson);
  else if (items.length > 0) printTable(HEAD, items.map(cells));
  else if (first) tell('No users.');
}

const HEAD = ['ID', 'E-MAIL', 'USER NAME', 'ROLES', 'STATE', 'CREATED'];

function cells(user: UserRecord): string[] {
  return [
    user.id,
    harmless(user.email),
    user.username ?? '-',
    user.roles.join(' ') || '-',
    user.disabled ? 'disabled' : 'enabled',
    user.createdAt.toISOString(),
  ];
}

export function showUser(wanted: string, output: Output): Promise<void> {
  return withServices(async (services) => {
    const user = await theUser(services, wanted);
    const sessions = await services.get(SessionList).countOf(user.id);
    const rests = await services.get(UsersService).restsOf([user]);
    const { lockedUntil } = adminUserView(user, rests.get(user.id));
    const view = { ...shown(user), lockedUntil, sessions };
    if (output.json) return printJson(view);
    for (const [member, value] of Object.entries(view)) {
      print(`${`${member}:`.padEnd(15)} ${harmless(String(value ?? '-'))}`);
    }
  });
}

export function unlockUser(wanted: string, output: Output): Promise<void> {
  return withServices(async (services) => {
    const user = await theUser(services, wanted);
    await services.get(UsersService).unlock(user.id);
    say(output, shown(user), `The password of ${nameOf(user)} may be tried again`);
  });
}

export function setDisabled(wanted: string, disabled: boolean, output: Output): Promise<void> {
  return withServices(async (services) => {
    const { id } = await theUser(services, wanted);
    const user = await services.get(UsersService).update(id, { disabled });
    say(output, shown(user), `${nameOf(user)} is ${disabled ? 'disabled' : 'enabled'}`);
  });
}

export function deleteUser(wanted: string, options: Output & { yes?: boolean }): Promise<void> {
  return withServices(async (services) => {
    const user = await theUser(services, wanted);
    if (options.yes !== true) await confirm(`Delete ${nameOf(user)} (${user.id})?`);
    await services.get(UsersService).remove(user.id);
    say(options, { id: user.id, deleted: true }, `Deleted ${nameOf(user)} (${user.id})`);
  });
}

/** The password is asked for only once the user is known. */
export function setPassword(wanted: string, output: Output): Promise<void> {
  return withServices(async (services) => {
    const user = await theUser(services, wanted);
    await services.get(UsersService).setPassword(user.id, await newPassword());
    say(output, shown(user), `${nameOf(user)} has a new password; all sessions have ended`);
  });
}

export function setRoles(wanted: string, roles: string[], output: Output): Promise<void> {
  return withServices(async (services) => {
    const { id } = await theUser(services, wanted);
    const user = await services.get(UsersService).update(id, { roles });
    say(output, shown(user), `${nameOf(user)} has ${listed(user.roles)}`);
  });
}

export function signOutUser(wanted: string, output: Output): Promise<void> {
  return withServices(async (services) => {
    const user = await theUser(services, wanted);
    const sessions = services.get(Sessions);
    const ended = await services.get(SessionList).countOf(user.id);
    await sessions.endAll(user.id, 'ended_by_admin');
    say(output, { id: user.id, ended }, `Ended ${ended} sessions of ${nameOf(user)}`);
  });
}

/** @param wanted id, e-mail address or user name. */
async function theUser(services: INestApplicationContext, wanted: string): Promise<UserRecord> {
  const users = services.get(UsersService);
  const found = wanted.includes('@')
    ? await users.findByEmail(wanted)
    : ((await users.findById(wanted)) ?? (await users.findByUsername(wanted.toLowerCase())));
  if (found !== null) return found;
  throw new CliError(`There is no user ${harmless(wanted)}`, EXIT.failed);
}

/** What the HTTP interface shows of a user, and whether he is disabled. Never the hash. */
function shown(user: UserRecord) {
  return { ...userView(user), disabled: user.disabled };
}

function nameOf(user: UserRecord): string {
  return harmless(user.email);
}

function listed(roles: readonly string[]): string {
  return roles.length === 0 ? 'no role' : `the roles ${roles.join(', ')}`;
}

function say(output: Output, document: object, sentence: string): void {
  if (output.json) printJson(document);
  else print(sentence);
}
