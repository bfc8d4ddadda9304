/** Longer `Content-Type` headers are refused unread: no media type that is taken here needs as many characters. */
const MAX_LENGTH = 256;

/** RFC 9110 §5.6.3: what may surround the parts of a header. */
const OPTIONAL_WHITESPACE = new Set([' ', '\t']);

/**
 * Whether a `Content-Type` header names this media type in UTF-8 (RFC 9110 §8.3.1). The only parameter that is
 * taken is `charset=utf-8`, once, quoted or not.
 *
 * Splits and compares instead of matching a pattern, because a pattern with several optional runs of spaces takes
 * time that grows with the square of a header's length.
 *
 * @param type in lower case.
 */
export function isMediaType(contentType: string | undefined, type: string): boolean {
  if (contentType === undefined || contentType.length > MAX_LENGTH) return false;
  const [name = '', ...parameters] = contentType.toLowerCase().split(';').map(trimmed);
  if (name !== type) return false;
  const given = parameters.filter((parameter) => parameter !== '');
  return given.length <= 1 && given.every(isUtf8);
}

function isUtf8(parameter: string): boolean {
  return parameter === 'charset=utf-8' || parameter === 'charset="utf-8"';
}

function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && OPTIONAL_WHITESPACE.has(text.charAt(start))) start += 1;
  while (end > start && OPTIONAL_WHITESPACE.has(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
