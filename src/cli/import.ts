import type { Readable } from 'node:stream';
import { IsBoolean, IsOptional, Matches, ValidateBy, ValidateIf } from 'class-validator';
import { emailKey, normalEmail } from '../http/email.js';
import { IsEmailField, IsNameField, IsRoleList, IsUsernameField } from '../http/fields.js';
import { Problem } from '../http/problem.js';
import { readStrictBody } from '../http/strict-body.js';
import { isPlainHash } from '../passwords/bcrypt-hash.js';
import type { NewUser, UserStore } from '../users/user-store.js';
import { problemSentence } from './exit.js';
import { harmless } from './harmless.js';
import { type Line, readLines } from './lines.js';

/** So many users are written at a time; on SQLite they share a transaction. */
const BATCH = 100;

/** So many refused lines are kept for the report; all are told as they come. */
const KEPT_REFUSALS = 1000;

function IsPlainHash(): PropertyDecorator {
  return ValidateBy({
    name: 'isPlainHash',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isPlainHash(value),
      defaultMessage: () => 'must be a bcrypt hash, $2a$, $2b$ or $2y$, of cost 4 to 15',
    },
  });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

function IsPastTime(): PropertyDecorator {
  return ValidateBy({
    name: 'isPastTime',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && RFC_3339.test(value) && Date.parse(value) <= Date.now(),
      defaultMessage: () => 'must be a time in the past, as RFC 3339 writes it',
    },
  });
}

const GIVEN = (_: object, value: unknown) => value !== undefined;

/** The members of a line. */
class ImportedUser {
  @IsEmailField()
  email!: string;

  @IsOptional()
  @IsUsernameField()
  username?: string | null;

  @IsOptional()
  @IsNameField()
  name?: string | null;

  @ValidateIf(GIVEN)
  @IsRoleList()
  roles?: string[];

  @ValidateIf(GIVEN)
  @IsBoolean({ message: 'must be true or false' })
  emailVerified?: boolean;

  @ValidateIf(GIVEN)
  @Matches(UUID, { message: 'must be a UUID' })
  id?: string;

  @ValidateIf(GIVEN)
  @IsPastTime()
  createdAt?: string;

  @IsPlainHash()
  passwordHash!: string;
}

/** A line that was not imported, and why. Holds nothing of the line but names of its members. */
export interface Refusal {
  line: number;
  reason: string;
}

/** How an import went, or how far it is. */
export interface ImportReport {
  /** Lines read, empty ones too. */
  lines: number;
  created: number;
  /** Users whose address had an account before; they were left as they are. */
  present: number;
  refused: number;
  /** The first thousand of the refused lines. */
  refusals: Refusal[];
}

/** Who hears how it goes. */
export interface ImportListener {
  refused(refusal: Refusal): void;
  advanced(report: ImportReport): void;
}

interface Pending {
  line: number;
  user: NewUser;
}

/** Brings users with plain bcrypt hashes in, a file of JSON lines at a time. */
export class UserImport {
  readonly report: ImportReport = { lines: 0, created: 0, present: 0, refused: 0, refusals: [] };
  #batch: Pending[] = [];
  readonly #names = new Set<string>();

  constructor(
    private readonly users: UserStore,
    private readonly listener: ImportListener,
  ) {}

  /** @throws StorageUnavailableError; what was created until then stays. */
  async of(input: Readable): Promise<ImportReport> {
    let last = 0;
    for await (const line of readLines(input)) {
      const pending = this.#read(line);
      if (pending !== undefined) await this.#add(pending);
      last = line.number;
      if (this.#batch.length === 0) this.report.lines = last;
    }
    await this.#flush();
    this.report.lines = last;
    return this.report;
  }

  #read(line: Line): Pending | undefined {
    if ('text' in line && line.text.trim() === '') return undefined;
    const outcome = 'fault' in line ? line.fault : newUser(line.text);
    if (typeof outcome !== 'string') return { line: line.number, user: outcome };
    this.#refuse(line.number, outcome);
    return undefined;
  }

  /** Two of the same name are never in one batch, so that the first line wins. */
  async #add(pending: Pending): Promise<void> {
    const { email, username } = pending.user;
    const names = [emailKey(email), ...(username === null ? [] : [username])];
    const full = this.#batch.length >= BATCH || names.some((name) => this.#names.has(name));
    if (full) await this.#flush();
    this.#batch.push(pending);
    for (const name of names) this.#names.add(name);
  }

  async #flush(): Promise<void> {
    const outcomes = await Promise.all(this.#batch.map(({ user }) => this.#create(user)));
    outcomes.forEach((outcome, index) => {
      if (outcome === 'created' || outcome === 'present') this.report[outcome] += 1;
      else this.#refuse(this.#batch[index]?.line ?? 0, outcome.reason);
    });
    this.report.lines = this.#batch.at(-1)?.line ?? this.report.lines;
    this.#batch = [];
    this.#names.clear();
    this.listener.advanced(this.report);
  }

  async #create(user: NewUser): Promise<'created' | 'present' | { reason: string }> {
    try {
      await this.users.create(user);
      return 'created';
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if ((await this.users.findByEmail(user.email)) !== null) return 'present';
      return { reason: problemSentence(error) };
    }
  }

  #refuse(line: number, reason: string): void {
    this.report.refused += 1;
    if (this.report.refusals.length < KEPT_REFUSALS) this.report.refusals.push({ line, reason });
    this.listener.refused({ line, reason });
  }
}

/** @returns why not, for a line that is no good. */
function newUser(text: string): NewUser | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'is not a JSON object';
  }
  try {
    return normalised(readStrictBody(ImportedUser, value));
  } catch (error) {
    if (error instanceof Problem) return harmless(problemSentence(error));
    throw error;
  }
}

function normalised(user: ImportedUser): NewUser {
  return {
    email: normalEmail(user.email),
    emailVerified: user.emailVerified ?? false,
    username: user.username?.toLowerCase() ?? null,
    name: user.name ?? null,
    roles: user.roles ?? ['user'],
    passwordHash: user.passwordHash,
    ...(user.id === undefined ? {} : { id: user.id.toLowerCase() }),
    ...(user.createdAt === undefined ? {} : { createdAt: new Date(user.createdAt) }),
  };
}
