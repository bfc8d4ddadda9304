/** Headers as Node, Express and Fastify have them, or as the Fetch standard does. */
export type HeaderBag = Readonly<Record<string, unknown>> | { get(name: string): unknown };

/**
 * The token of an `Authorization: Bearer` header (RFC 6750 §2.1), whatever it holds. Tokens in the query or in
 * a form are not looked for: they end up in logs.
 *
 * @returns undefined when there is no such header, or one of another scheme.
 */
export function bearerToken(headers: HeaderBag | undefined): string | undefined {
  return fromAuthorization(headerOf(headers, 'authorization'));
}

/** The token of the value of an `Authorization` header. */
export function fromAuthorization(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return value.slice(7).trim() || undefined;
}

/** @param name in lower case. */
export function headerOf(headers: HeaderBag | undefined, name: string): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const value = isGetter(headers) ? headers.get(name) : own(headers, name);
  const [first, ...others] = Array.isArray(value) ? (value as unknown[]) : [value];
  if (others.length > 0) return undefined;
  return first instanceof Uint8Array ? new TextDecoder().decode(first) : first;
}

function isGetter(headers: HeaderBag): headers is { get(name: string): unknown } {
  return 'get' in headers && typeof headers.get === 'function';
}

function own(headers: Readonly<Record<string, unknown>>, wanted: string): unknown {
  if (Object.hasOwn(headers, wanted)) return headers[wanted];
  const name = Object.keys(headers).find((one) => one.toLowerCase() === wanted);
  return name === undefined ? undefined : headers[name];
}
