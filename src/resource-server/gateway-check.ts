import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { isOpen } from '../contract/access-metadata.js';
import { methodsOf } from './methods.js';
import { ResourceServerGuard } from './resource-server.guard.js';

/* Nest's own metadata, which a gateway has whichever copy of Nest decorated it. */
const GATEWAY = 'websockets:is_gateway';
const MESSAGE_HANDLER = 'websockets:message_mapping';
const GUARDS = '__guards__';

/**
 * Before Nest 12, global guards do not reach WebSocket gateways. So that one can't stay open by oversight, every message
 * handler must have the guard, or be `@Public()`.
 *
 * @throws Error that names the handlers which have neither.
 */
export function assertGatewaysGuarded(modules: ModulesContainer): void {
  const providers = [...modules.values()].flatMap((module) => [...module.providers.values()]);
  const gateways = providers
    .map(({ metatype }) => metatype)
    .filter((type): type is Type => typeof type === 'function' && has(GATEWAY, type));
  const open = [...new Set(gateways)].flatMap(openHandlers);
  if (open.length === 0) return;
  throw new Error(
    `Global guards do not reach the gateways of this Nest: put @UseGuards(ResourceServerGuard) or @Public() on ${open.join(', ')}`,
  );
}

function openHandlers(gateway: Type): string[] {
  if (isGuarded(gateway)) return [];
  return methodsOf(gateway)
    .filter(([, method]) => has(MESSAGE_HANDLER, method))
    .filter(([, method]) => !isOpen(method, gateway) && !isGuarded(method))
    .map(([name]) => `${gateway.name}.${name}`);
}

function isGuarded(target: object): boolean {
  const guards: unknown = Reflect.getMetadata(GUARDS, target);
  return Array.isArray(guards) && guards.some(isOurs);
}

function isOurs(guard: unknown): boolean {
  if (guard instanceof ResourceServerGuard || guard === ResourceServerGuard) return true;
  return typeof guard === 'function' && guard.prototype instanceof ResourceServerGuard;
}

function has(key: string, target: object): boolean {
  return Reflect.hasMetadata(key, target);
}
