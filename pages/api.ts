import type { SessionView, User } from 'latchkey/client';
import { refusal } from './failures.js';
import { client } from './session.js';
import { base } from './settings.js';

/*
 * The routes that `latchkey/client` has no method for. Each throws LatchkeyError, or what fetch throws when
 * the service can't be reached.
 */

/** A user as administrators see one. */
export interface AdminUser extends User {
  disabled: boolean;
  lockedUntil: string | null;
}

export interface UserPage {
  items: AdminUser[];
  nextCursor: string | null;
}

export interface UserChange {
  email?: string;
  name?: string | null;
  username?: string | null;
  roles?: string[];
  disabled?: boolean;
}

export interface NewUser {
  email: string;
  password: string;
  name?: string;
  username?: string;
  roles: string[];
}

export const me = {
  update: (change: { name: string | null; username: string | null }) =>
    ask<User>('PATCH', 'users/me', change),
  remove: (password: string) => send('DELETE', 'users/me', { password }),
};

export const users = {
  list: (wanted: { query: string; cursor?: string; limit: number }) =>
    ask<UserPage>('GET', `users?${parameters(wanted)}`),
  get: (id: string) => ask<AdminUser>('GET', one(id)),
  create: (user: NewUser) => ask<AdminUser>('POST', 'users', user),
  update: (id: string, change: UserChange) => ask<AdminUser>('PATCH', one(id), change),
  remove: (id: string) => send('DELETE', one(id)),
  unlock: (id: string) => send('POST', `${one(id)}/unlock`),
  sessions: (id: string) =>
    ask<{ sessions: SessionView[]; nextCursor: string | null }>('GET', `${one(id)}/sessions`),
  endSessions: (id: string) => send('DELETE', `${one(id)}/sessions`),
};

function one(id: string): string {
  return `users/${encodeURIComponent(id)}`;
}

function parameters(wanted: Record<string, string | number>): URLSearchParams {
  const given = Object.entries(wanted).filter(([, value]) => value !== '');
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}

async function ask<Answer>(method: string, path: string, json?: object): Promise<Answer> {
  return (await send(method, path, json)).json();
}

async function send(method: string, path: string, json?: object): Promise<Response> {
  const body = json && {
    body: JSON.stringify(json),
    headers: { 'Content-Type': 'application/json' },
  };
  const response = await client.fetch(new URL(path, base).href, { method, ...body });
  if (!response.ok) throw await refusal(response);
  return response;
}
