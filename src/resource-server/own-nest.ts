/*
 * The Nest that this package loads. In the CommonJS build `own-nest-of-commonjs.ts` takes its place.
 */
import { createRequire } from 'node:module';

export {
  ConfigurableModuleBuilder,
  createParamDecorator,
  HttpException,
  Inject,
  Injectable,
  Logger,
  Module,
} from '@nestjs/common';
export { APP_GUARD, ModulesContainer, Reflector } from '@nestjs/core';

/** Finds packages that stand beside it. In bundles and test runners there may be no such thing. */
export const findBesideNest = ownRequire();

function ownRequire(): NodeJS.Require | undefined {
  try {
    return createRequire(import.meta.url);
  } catch {
    return undefined;
  }
}
