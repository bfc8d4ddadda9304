import { domainToASCII, domainToUnicode } from 'node:url';

const LONGEST = 254;
const SPACES = ' \t\r\n';
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The address as it is kept: without spaces around it, the domain in NFC. Does not judge it: `isEmail` does. */
export function normalEmail(email: string): string {
  let [start, end] = [0, email.length];
  while (start < end && SPACES.includes(email.charAt(start))) start += 1;
  while (end > start && SPACES.includes(email.charAt(end - 1))) end -= 1;
  const trimmed = email.slice(start, end);
  const at = trimmed.lastIndexOf('@') + 1;
  return at === 0 ? trimmed : trimmed.slice(0, at) + composed(trimmed.slice(at));
}

/**
 * What addresses are compared by: lower case, the domain in ASCII (RFC 5891). For text that is no address
 * it gives something that no address has.
 */
export function emailKey(email: string): string {
  const [local, domain] = parts(normalEmail(email));
  return `${lower(local)}@${asciiDomain(domain) ?? lower(domain)}`;
}

/**
 * Whether an address is acceptable once trimmed: at most 254 characters, a local part of ASCII atoms
 * (RFC 5321 §4.1.2, no quoted strings), a domain of two labels or more. An internationalised domain must
 * be in its canonical form, so look-alikes that browsers would map to ASCII are refused: the Kelvin sign,
 * full-width letters, zero-width characters. Does not ask whether the domain exists.
 */
export function isEmail(text: string): boolean {
  const email = normalEmail(text);
  const [local, domain] = parts(email);
  return (
    email.length <= LONGEST &&
    local.length <= 64 &&
    LOCAL.test(local) &&
    asciiDomain(domain) !== undefined
  );
}

function parts(email: string): [local: string, domain: string] {
  const at = email.lastIndexOf('@');
  return at < 0 ? [email, ''] : [email.slice(0, at), email.slice(at + 1)];
}

/** In NFC, unless that would turn a look-alike into ASCII, such as the Kelvin sign into a K. */
function composed(text: string): string {
  const isLookAlike = (character: string) =>
    character > '\x7f' && character.normalize('NFC') <= '\x7f';
  return [...text].some(isLookAlike) ? text : text.normalize('NFC');
}

/** Lower-cases all but what would become ASCII thereby: `toLowerCase` makes a `k` of the Kelvin sign. */
function lower(text: string): string {
  return text.replace(/[^\u212a\u0130]+/gu, (letters) => letters.toLowerCase());
}

/** @returns undefined for what is no domain name in canonical form. */
function asciiDomain(domain: string): string | undefined {
  const written = lower(composed(domain));
  const ascii = domainToASCII(written);
  const canonical = written === ascii || domainToUnicode(ascii) === written;
  const labels = ascii.split('.');
  const right =
    canonical &&
    ascii.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => LABEL.test(label)) &&
    /[a-z]/.test(labels.at(-1) ?? '');
  return right ? ascii : undefined;
}
