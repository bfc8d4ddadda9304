import { Controller, Req, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { strictParameters } from './strict-body.js';

/* Nest's own metadata. */
const METHOD = 'method';
const ARGUMENTS = '__routeArguments__';
const PASSTHROUGH = '__responsePassthrough__';
/** How `@Res()` begins among the arguments, which are `<kind>:<index>`. */
const RESPONSE = '1:';

type Handler = (this: object, ...args: unknown[]) => unknown;

/**
 * A controller whose routes are the same in every host: no versioning of the host's hides them, and its global pipes and
 * interceptors change neither what they take nor what they answer. Interceptors run nevertheless, and see the answer. An
 * error that an interceptor rewrites stays rewritten.
 */
export function LatchkeyController(path: string): ClassDecorator {
  return (target) => {
    Controller({ path, version: VERSION_NEUTRAL })(target);
    const prototype: object = target.prototype;
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      const handler: unknown = descriptor.value;
      if (!isHandler(handler) || sendsByItself(target, name)) continue;
      Object.defineProperty(prototype, name, {
        ...descriptor,
        value: isolated(prototype, name, handler),
      });
    }
  };
}

function isHandler(value: unknown): value is Handler {
  return typeof value === 'function' && Reflect.hasMetadata(METHOD, value);
}

/** Whether it has an `@Res()` without `passthrough`. */
function sendsByItself(target: object, name: string): boolean {
  const takesResponse = parametersOf(target, name).some((key) => key.startsWith(RESPONSE));
  return takesResponse && Reflect.getMetadata(PASSTHROUGH, target, name) !== true;
}

function parametersOf(target: object, name: string): string[] {
  return Object.keys(Reflect.getMetadata(ARGUMENTS, target, name) ?? {});
}

/** The handler, which reads bodies and queries as they were sent, and whose answer is sent as it is. */
function isolated(prototype: object, name: string, handler: Handler): Handler {
  const taken = parametersOf(prototype.constructor, name).map((key) =>
    Number(key.split(':').at(-1)),
  );
  const count = Math.max(-1, ...taken) + 1;
  Req()(prototype, name, count);
  Res({ passthrough: true })(prototype, name, count + 1);
  const types: readonly Type<object>[] = Reflect.getMetadata('design:paramtypes', prototype, name);
  const strict = strictParameters(prototype, name);
  const wrapper = async function (this: object, ...args: unknown[]): Promise<unknown> {
    const [request, response] = [args[count], args[count + 1]];
    const own = args.slice(0, count);
    for (const { index, read } of strict) {
      own[index] = read(types[index] ?? Object, isRequest(request) ? request : {});
    }
    const answer = await handler.apply(this, own);
    if (isResponse(response)) seal(response, answer);
    return answer;
  };
  for (const key of Reflect.getMetadataKeys(handler)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, handler), wrapper);
  }
  return Object.defineProperty(wrapper, 'name', { value: name });
}

function isRequest(value: unknown): value is { body?: unknown; query?: unknown } {
  return typeof value === 'object' && value !== null;
}

/** What Express and Fastify have in common here. */
interface HttpResponse {
  statusCode: number;
  send(body: unknown): unknown;
  /** Express alone. */
  json?(body: unknown): unknown;
}

function isResponse(value: unknown): value is HttpResponse {
  return typeof value === 'object' && value !== null && 'send' in value && 'statusCode' in value;
}

/** Whatever a host's interceptors make of the answer: this is sent, unless it has become an error meanwhile. */
function seal(response: HttpResponse, answer: unknown): void {
  const { send, json } = response;
  const isError = () => response.statusCode >= 400;
  response.send = (body) => {
    response.send = send;
    if (json !== undefined) response.json = json;
    if (isError() || answer === undefined || json === undefined || typeof answer !== 'object') {
      return send.call(response, isError() ? body : answer);
    }
    return json.call(response, answer);
  };
  if (json !== undefined) response.json = (body) => response.send(body);
}
