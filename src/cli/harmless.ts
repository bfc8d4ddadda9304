/**
 * What others wrote must not steer the operator's terminal: control and formatting characters (Unicode
 * Cc, Cf, line separators) are shown as escapes.
 */
export function harmless(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
