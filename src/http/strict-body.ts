import {
  type ArgumentMetadata,
  Body,
  type PipeTransform,
  Query,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { getMetadataStorage, type ValidationError, validateSync } from 'class-validator';
import type { MemberError } from '../contract/problems.js';
import { JsonOnlyGuard } from './json-only.guard.js';
import { assertGoodForm, isPlainObject, malformed } from './json-form.js';
import { Problem } from './problem.js';

/** So many faults are named in one answer. */
const MOST_FAULTS = 20;

/**
 * The JSON body, strictly: `application/json` or none, well-formed, no member that the DTO does not
 * declare, then the DTO's own rules. A missing body counts as `{}`. Nothing is converted, and members that
 * were not sent are not there.
 */
export function StrictBody(): ParameterDecorator {
  return (target, key, index) => {
    Body(new StrictBodyPipe())(target, key, index);
    if (key === undefined) return;
    addStrict(target, key, { index, read: (type, { body }) => readStrictBody(type, body) });
    const descriptor = Object.getOwnPropertyDescriptor(target, key);
    if (descriptor !== undefined) UseGuards(JsonOnlyGuard)(target, key, descriptor);
  };
}

/**
 * The query string, strictly: no unknown parameter, none twice, then the DTO's own rules. Parameters are
 * texts; those that the DTO declares as `number` become numbers if they are 1 to 15 digits.
 */
export function StrictQuery(): ParameterDecorator {
  return (target, key, index) => {
    Query(new StrictQueryPipe())(target, key, index);
    if (key === undefined) return;
    addStrict(target, key, { index, read: (type, { query }) => readStrictQuery(type, query) });
  };
}

const STRICT = 'latchkey:strict';

/** A parameter that is read from the request as it was sent. */
interface StrictParameter {
  index: number;
  read(type: Type<object>, request: { body?: unknown; query?: unknown }): object;
}

/** The parameters of a handler that `StrictBody()` and `StrictQuery()` decorate. */
export function strictParameters(target: object, key: string | symbol): readonly StrictParameter[] {
  const found: StrictParameter[] | undefined = Reflect.getMetadata(STRICT, target, key);
  return found ?? [];
}

function addStrict(target: object, key: string | symbol, parameter: StrictParameter): void {
  Reflect.defineMetadata(STRICT, [...strictParameters(target, key), parameter], target, key);
}

/** Marks a body that was read, so that guard and controller need not both do it. */
const READ = Symbol('latchkey:read');

interface Read {
  [READ]?: unknown;
}

class StrictBodyPipe implements PipeTransform<unknown, unknown> {
  transform(value: unknown, { metatype }: ArgumentMetadata): unknown {
    const type = metatype ?? Object;
    const made = value instanceof type && value.constructor === type;
    return readStrictBody(type, made ? membersOf(value) : value);
  }
}

/** A host application's own `ValidationPipe` may have made an instance of a body already. */
function membersOf(instance: object): object {
  return Object.fromEntries(Object.entries(instance).filter(([, value]) => value !== undefined));
}

class StrictQueryPipe implements PipeTransform<unknown, unknown> {
  transform(value: unknown, { metatype = Object }: ArgumentMetadata): unknown {
    return value instanceof metatype ? value : readStrictQuery(metatype, membersOf(value ?? {}));
  }
}

function readStrictQuery<Dto extends object>(type: Type<Dto>, value: unknown): Dto {
  const query = { ...(value as Record<string, unknown>) };
  assertGoodForm(query);
  for (const [name, text] of Object.entries(query)) {
    if (typeof text !== 'string') throw faults([fault([name], 'must be given once')]);
    const wanted: unknown = Reflect.getMetadata('design:type', type.prototype, name);
    if (wanted === Number && /^\d{1,15}$/.test(text)) query[name] = Number(text);
  }
  return readMembers(type, query);
}

/**
 * What `StrictBody()` does with a parsed body, but for the media type.
 *
 * @throws Problem `malformed_request` or `validation_failed`.
 */
export function readStrictBody<Dto extends object>(type: Type<Dto>, body: unknown): Dto {
  const value = body === undefined ? {} : body;
  if (!isPlainObject(value)) throw malformed('The body must be a JSON object.');
  const known = (value as Read)[READ];
  if (known instanceof type && known.constructor === type) return known;
  assertGoodForm(value);
  const dto = readMembers(type, value);
  Reflect.defineProperty(value, READ, { value: dto });
  return dto;
}

function readMembers<Dto extends object>(type: Type<Dto>, value: Record<string, unknown>): Dto {
  const declared = declaredMembers(type);
  const unknown = Object.keys(value).filter((name) => !declared.has(name));
  if (unknown.length > 0) throw faults(unknown.map((name) => fault([name], 'is not known here')));
  const dto = new type();
  for (const name of declared) {
    if (Object.hasOwn(value, name)) Reflect.set(dto, name, value[name]);
    else if (Reflect.get(dto, name) === undefined) Reflect.deleteProperty(dto, name);
  }
  const errors = validateSync(dto, {
    forbidUnknownValues: false,
    stopAtFirstError: true,
    validationError: { target: false, value: false },
  });
  if (errors.length > 0) throw faults(errors.flatMap((error) => faultsOf(error, [])));
  return dto;
}

const declarations = new WeakMap<object, ReadonlySet<string>>();

/** The members that carry class-validator decorators, inherited ones too. */
function declaredMembers(type: Type<object>): ReadonlySet<string> {
  const known = declarations.get(type);
  if (known !== undefined) return known;
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
  const names = new Set(rules.map((each) => each.propertyName));
  declarations.set(type, names);
  return names;
}

function faultsOf(error: ValidationError, above: readonly string[]): MemberError[] {
  const path = [...above, error.property];
  const own = Object.values(error.constraints ?? {})
    .slice(0, 1)
    .map((detail) => fault(path, detail));
  return [...own, ...(error.children ?? []).flatMap((child) => faultsOf(child, path))];
}

/** @param path of member names, which become a JSON pointer (RFC 6901 §3). */
function fault(path: readonly string[], detail: string): MemberError {
  const tokens = path.map((name) => [...name].slice(0, 64).join(''));
  const escaped = tokens.map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1'));
  return { pointer: `/${escaped.join('/')}`, detail };
}

function faults(errors: readonly MemberError[]): Problem {
  return new Problem('validation_failed', { errors: errors.slice(0, MOST_FAULTS) });
}
