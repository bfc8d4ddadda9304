import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { memberProblem } from '../http/problem.js';
import { commonPasswords } from './common-passwords.js';

const LONGEST = 256;
const SERVICE = 'latchkey';
/** So many letters of its own make a password more than a variation of a known word. */
const OWN_LETTERS = 4;

/** Whom a password is for. */
export interface PasswordContext {
  email?: string | null | undefined;
  username?: string | null | undefined;
  name?: string | null | undefined;
}

/**
 * Which passwords are refused (NIST SP 800-63B §3.1.1.2): too short, too long, common ones, and those that
 * are little more than the user's own name or address or the service's name. No composition rules.
 */
@Injectable()
export class PasswordPolicy {
  #common: ReadonlySet<string> | undefined;

  constructor(@Inject(CONFIG) private readonly config: LatchkeyConfig) {}

  /** @returns why the password is refused, as a sentence without it; undefined when it is fine. */
  check(password: string, context: PasswordContext = {}): string | undefined {
    const text = password.normalize('NFC');
    const length = [...text].length;
    if (length < this.config.passwordMinLength) {
      return `must have at least ${this.config.passwordMinLength} characters`;
    }
    if (length > LONGEST) return `must not have more than ${LONGEST} characters`;
    const folded = text.toLowerCase();
    if (this.#commonOnes().has(folded)) return 'is one of the most common passwords';
    if (/^(.)\1*$/su.test(folded)) return 'must not be one character over and over';
    if (/^(\d{2,4})\1+$/.test(folded) || isSequence(folded)) return 'must not be a mere sequence';
    if (isVariation(folded, contextWords(context))) {
      return 'must not be made from the e-mail address, a name or the name of the service';
    }
    return undefined;
  }

  /**
   * @param pointer JSON pointer of the member that has the password.
   * @throws Problem `validation_failed` for a password that is refused.
   */
  assertGood(pointer: string, password: string, context: PasswordContext): void {
    const reason = this.check(password, context);
    if (reason !== undefined) throw memberProblem(pointer, reason);
  }

  /** Read at the first use: it takes a few milliseconds and some memory. */
  #commonOnes(): ReadonlySet<string> {
    this.#common ??= commonPasswords(this.config.passwordMinLength);
    return this.#common;
  }
}

/** Whether each character is the one after, or the one before, its neighbour: `23456789`, `hgfedcba`. */
function isSequence(text: string): boolean {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0);
  const steps = new Set(points.slice(1).map((point, index) => point - (points[index] ?? 0)));
  return steps.size === 1 && (steps.has(1) || steps.has(-1));
}

/** Whether little is left of the password once the words are taken out; digits and signs do not count. */
function isVariation(password: string, words: readonly string[]): boolean {
  let rest = password;
  for (const word of words) rest = rest.replaceAll(word, '');
  if (rest === password) return false;
  return (rest.match(/\p{Letter}/gu) ?? []).length < OWN_LETTERS;
}

/** The longest first, so that a part does not spoil the whole. */
function contextWords({ email, username, name }: PasswordContext): string[] {
  const [local = '', domain = ''] = (email ?? '').split('@');
  const parts = [local, username ?? '', name ?? '', domain.split('.')[0] ?? ''].flatMap((text) => [
    text,
    ...text.split(/[^\p{Letter}\p{Number}]+/u),
  ]);
  const words = [...parts, domain, SERVICE]
    .map((text) => text.normalize('NFC').trim().toLowerCase())
    .filter((text) => [...text].length >= 3);
  return [...new Set(words)].sort((a, b) => b.length - a.length);
}
