/** Browsers send about 150 characters. A longer header is not read. */
const MAX_LENGTH = 1024;

const HTML = 'text/html';
const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/problem+json']);

/**
 * Whether an `Accept` header comes from somebody who looks at a page (RFC 9110 §12.5.1): it names
 * `text/html`, and JSON not at all or with less weight. Programs send a wildcard or nothing, and get JSON.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > MAX_LENGTH) return false;
  const ranges = accept.toLowerCase().split(',').map(weighted);
  const weightOf = (wanted: (type: string) => boolean) =>
    Math.max(0, ...ranges.filter(({ type }) => wanted(type)).map(({ weight }) => weight));
  return weightOf((type) => type === HTML) > weightOf((type) => JSON_TYPES.has(type));
}

function weighted(range: string): { type: string; weight: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
}
