/** An answer of a service, from whichever client. */
export interface SeenAnswer {
  status: number;
  header(name: string): string | undefined;
  /** Parsed JSON; undefined for anything else, or where somebody else has read it. */
  body: unknown;
}

/**
 * Reads a `Response` of fetch, or what supertest, Playwright, axios or Fastify's `inject` give. A `Response`
 * can still be read afterwards.
 *
 * @throws TypeError for what is no answer.
 */
export async function seenAnswer(received: unknown): Promise<SeenAnswer> {
  const status = valueOf(received, 'status') ?? valueOf(received, 'statusCode');
  const headers = valueOf(received, 'headers');
  if (typeof status !== 'number' || typeof headers !== 'object' || headers === null) {
    throw new TypeError('That is no answer of a service. Is an await missing?');
  }
  return { status, header: (name) => headerOf(headers, name), body: await bodyOf(received) };
}

/** A member, or what it returns where it is a method. */
function valueOf(object: unknown, name: string): unknown {
  const value = member(object, name);
  return typeof value === 'function' ? Reflect.apply(value, object, []) : value;
}

function member(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined;
}

function headerOf(headers: object, name: string): string | undefined {
  const get = member(headers, 'get');
  const value: unknown =
    typeof get === 'function' ? Reflect.apply(get, headers, [name]) : member(headers, name);
  return value === undefined || value === null ? undefined : [value].flat().join(', ');
}

async function bodyOf(received: unknown): Promise<unknown> {
  if (member(received, 'bodyUsed') === true) return undefined;
  const source = valueOf(received, 'clone') ?? received;
  const text = await valueOf(source, 'text');
  const found = text ?? member(source, 'body') ?? member(source, 'data');
  return typeof found === 'string' ? parsed(found) : found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
