/** What a scope is written with (RFC 6749 §3.3). */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** More scopes were asked for than there are to give. */
export class ScopeExceeded extends Error {
  override readonly name = 'ScopeExceeded';

  constructor() {
    super('More scopes were asked for than there are to give');
  }
}

/**
 * The scopes of a space-separated list (RFC 6749 §3.3), each once.
 *
 * @returns undefined when it is none.
 */
export function scopeList(text: string): string[] | undefined {
  const scopes = text.split(' ').filter((scope) => scope !== '');
  return scopes.every((scope) => SCOPE.test(scope)) ? [...new Set(scopes)] : undefined;
}

/**
 * The `scope` of a token.
 *
 * @param wanted if somebody asked for some; all that are granted else.
 * @throws ScopeExceeded when one of them is not granted.
 */
export function permittedScope(granted: readonly string[], wanted?: readonly string[]): string {
  if (wanted === undefined) return granted.join(' ');
  if (!wanted.every((scope) => granted.includes(scope))) throw new ScopeExceeded();
  return granted.filter((scope) => wanted.includes(scope)).join(' ');
}
