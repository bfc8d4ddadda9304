import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * The passwords that people use most, in lower case, as far as they are long enough to get past the length
 * rule. Read when the first password is chosen, not at the start: the list is large.
 *
 * @param shortest in code points.
 */
export function commonPasswords(shortest: number): ReadonlySet<string> {
  const { dictionary } =
    require('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
  const words = dictionary['passwords-common'].filter((word) => [...word].length >= shortest);
  return new Set(words.map((word) => word.toLowerCase()));
}
