import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { FRESH_ROUTE } from '../contract/access-metadata.js';
import { methodsOf } from './methods.js';

/**
 * A fresh check asks the issuer, which answers registered clients only: without one, every call would fail.
 *
 * @throws Error that names the handlers that ask for a fresh check.
 */
export function assertNothingFresh(modules: ModulesContainer): void {
  const wrappers = [...modules.values()].flatMap(({ controllers, providers }) => [
    ...controllers.values(),
    ...providers.values(),
  ]);
  const types = wrappers
    .map(({ metatype }) => metatype)
    .filter((type): type is Type => typeof type === 'function' && 'prototype' in type);
  const fresh = [...new Set(types)].flatMap(freshHandlers);
  if (fresh.length === 0) return;
  throw new Error(`@Fresh() on ${fresh.join(', ')} needs the option \`client\``);
}

function freshHandlers(type: Type): string[] {
  if (isFresh(type)) return [type.name];
  return methodsOf(type)
    .filter(([, method]) => isFresh(method))
    .map(([name]) => `${type.name}.${name}`);
}

function isFresh(target: object): boolean {
  return Reflect.getMetadata(FRESH_ROUTE, target) === true;
}
