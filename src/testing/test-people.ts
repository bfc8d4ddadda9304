import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { parseSetCookie } from 'cookie';
import type { INestApplicationContext } from '@nestjs/common';
import { TokenIssuer } from '../auth/token-issuer.js';
import { Problem } from '../http/problem.js';
import { readStrictBody } from '../http/strict-body.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { Sessions } from '../sessions/sessions.js';
import { type UserRecord, UserStore } from '../users/user-store.js';
import { userView } from '../users/user-view.js';
import { CreateUserDto } from '../users/users.dto.js';
import type {
  NewTestUser,
  SignedIn,
  TestCookie,
  TokenResponse,
  UserWithPassword,
  WhoToSignIn,
} from './test-controls.js';

const PASSWORD = 'a fair wind and a steady hand';
const DEVICE = { ip: '127.0.0.1', userAgent: 'latchkey/testing' };

/** Makes users and sessions through the services that the routes use, past HTTP and password hashing. */
export class TestPeople {
  readonly #users: UserStore;
  readonly #sessions: Sessions;
  readonly #hasher: PasswordHasher;
  readonly #issuer: TokenIssuer;

  /** @param host name of the service's host, for cookies. */
  constructor(
    services: INestApplicationContext,
    private readonly host: string,
  ) {
    this.#users = services.get(UserStore, { strict: false });
    this.#sessions = services.get(Sessions, { strict: false });
    this.#hasher = services.get(PasswordHasher, { strict: false });
    this.#issuer = services.get(TokenIssuer, { strict: false });
  }

  /** @throws Problem `validation_failed`, `email_taken`, `username_taken`. */
  async create({
    password = PASSWORD,
    ...who
  }: NewTestUser & { password?: string } = {}): Promise<UserWithPassword> {
    const hash = await this.#hasher.hash(password);
    return { ...userView(await this.#insert(who, hash)), password };
  }

  /** @throws Problem as `create`; `not_found` for an unknown `userId`. */
  async signIn({ transport = 'body', ...who }: WhoToSignIn = {}): Promise<SignedIn> {
    const user = 'userId' in who ? await this.#find(who.userId) : await this.#insert(who, null);
    const session = await this.#sessions.start({ userId: user.id, transport, ...DEVICE });
    const access = await this.#issuer.accessToken(user, session);
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const tokens = this.#issuer.respond(response, this.#issuer.issue(user, session, access));
    return this.#signedIn(tokens, cookieLines(response));
  }

  async #find(id: string): Promise<UserRecord> {
    const user = await this.#users.findById(id);
    if (user === null) throw new Problem('not_found', { detail: 'There is no such user.' });
    return user;
  }

  #insert(who: NewTestUser, passwordHash: string | null): Promise<UserRecord> {
    const email = `person-${randomBytes(6).toString('hex')}@example.com`;
    const wanted = readStrictBody(CreateUserDto, { email, ...given(who), password: PASSWORD });
    return this.#users.create({
      email: wanted.email,
      emailVerified: wanted.emailVerified ?? false,
      username: wanted.username ?? null,
      name: wanted.name ?? null,
      roles: wanted.roles ?? ['user'],
      passwordHash,
    });
  }

  #signedIn(tokens: TokenResponse, lines: readonly string[]): SignedIn {
    const cookies = lines.map((line) => asTestCookie(line, this.host));
    return {
      user: tokens.user,
      tokens,
      headers: { authorization: `Bearer ${tokens.accessToken}` },
      cookies,
      storageState: { cookies, origins: [] },
    };
  }
}

function given(who: NewTestUser): Record<string, unknown> {
  return Object.fromEntries(Object.entries(who).filter(([, value]) => value !== undefined));
}

function cookieLines(response: ServerResponse): string[] {
  return [response.getHeader('set-cookie') ?? []].flat().map(String);
}

/** A `Set-Cookie` line as the browser would keep it. */
function asTestCookie(line: string, host: string): TestCookie {
  const { name, value = '', path = '/', maxAge = 0, ...flags } = parseSetCookie(line);
  return {
    name,
    value,
    domain: host,
    path,
    expires: Math.floor(Date.now() / 1000) + maxAge,
    httpOnly: flags.httpOnly === true,
    secure: flags.secure === true,
    sameSite: SAME_SITE.get(flags.sameSite) ?? 'Lax',
  };
}

const SAME_SITE = new Map<unknown, TestCookie['sameSite']>([
  ['strict', 'Strict'],
  ['lax', 'Lax'],
  ['none', 'None'],
]);
