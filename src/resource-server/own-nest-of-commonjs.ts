/*
 * The Nest that the CommonJS build loads: the application's before the one that this package brings along, because
 * Nest 12 is made of ES modules, which Jest can't load by require().
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { besideThisPackage } from './package-path.js';

interface OwnNest {
  common: typeof import('@nestjs/common');
  core: typeof import('@nestjs/core');
  find: NodeJS.Require;
}

/** Where Nest is looked for from. */
const PLACES = [
  besideThisPackage,
  () => import.meta.url,
  () => process.argv[1],
  () => join(process.cwd(), 'none.js'),
];

function load(): OwnNest {
  const failures: unknown[] = [];
  for (const place of PLACES) {
    try {
      const find = createRequire(place() ?? '');
      return { common: find('@nestjs/common'), core: find('@nestjs/core'), find };
    } catch (error) {
      failures.push(error);
    }
  }
  throw new Error('No @nestjs/common and @nestjs/core can be loaded', { cause: failures[0] });
}

const { common, core, find } = load();

export const {
  ConfigurableModuleBuilder,
  createParamDecorator,
  HttpException,
  Inject,
  Injectable,
  Logger,
  Module,
} = common;
export const { APP_GUARD, ModulesContainer, Reflector } = core;
export const findBesideNest: NodeJS.Require | undefined = find;
