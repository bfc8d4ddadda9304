import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { findBesideNest, HttpException, Logger, ModulesContainer } from './own-nest.js';
import { besideThisPackage } from './package-path.js';
import type { VerifierLogger } from './verifier-log.js';

/**
 * What has to be the application's own, because Nest compares classes: its filters know exceptions, and its
 * container what it holds, by that. All else that the kit takes from Nest goes by names.
 */
export interface NestClasses {
  /** Of `@nestjs/common`. */
  HttpException: Type<Error>;
  /** Of `@nestjs/core`. */
  ModulesContainer: Type<ModulesContainer>;
}

/** One copy of Nest that this process can reach. */
export interface NestCopy extends NestClasses {
  /** Finds packages that stand beside it. */
  find: NodeJS.Require | undefined;
  /** Of `@nestjs/common`: the one that the application has set up. */
  Logger: Type<VerifierLogger> | undefined;
}

/**
 * The Nest that the application runs on. It need not be the copy that this package brings along: beside
 * Nest 11, npm installs both. The application's own is the one whose container is injected.
 */
export class HostNest {
  readonly HttpException: Type<Error>;

  constructor(
    private readonly copy: NestCopy,
    readonly modules: ModulesContainer,
  ) {
    this.HttpException = copy.HttpException;
  }

  /** As in 12; undefined where nobody can tell. */
  get major(): number | undefined {
    const found = attempt(() => this.copy.find?.('@nestjs/core/package.json') as unknown);
    const version = (found as { version?: unknown } | undefined)?.version;
    return typeof version === 'string' ? Number.parseInt(version, 10) : undefined;
  }

  /** What writes where the application's own loggers do; undefined where that can't be found. */
  logger(context: string): VerifierLogger | undefined {
    const { Logger } = this.copy;
    return Logger === undefined ? undefined : new Logger(context);
  }

  /** What a package of Nest's exports, of the same copy; undefined where it is not installed. */
  async load(name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const find = this.copy.find ?? findBesideNest;
    try {
      const file = find?.resolve(name);
      const loaded: unknown = await import(file === undefined ? name : pathToFileURL(file).href);
      return loaded as Readonly<Record<string, unknown>>;
    } catch {
      // Jest has no import() where it runs CommonJS.
      return attempt(() => find?.(name) as Readonly<Record<string, unknown>>);
    }
  }

  /**
   * The copy whose container the application has.
   *
   * @param found what was injected for the `ModulesContainer` of each copy.
   * @throws Error when it is none of them.
   */
  static among(
    copies: readonly NestCopy[],
    found: readonly (ModulesContainer | undefined)[],
  ): HostNest {
    const at = found.findIndex((modules) => modules !== undefined);
    const [copy, modules] = [copies[at], found[at]];
    if (copy === undefined || modules === undefined) throw new Error(UNKNOWN_NEST);
    return new HostNest(copy, modules);
  }
}

const UNKNOWN_NEST =
  'ResourceServerModule can not find the Nest of this application: give it `nest: { HttpException, ModulesContainer }`, from @nestjs/common and @nestjs/core';

/**
 * The copies of Nest among which the application's is looked for: the one this package loads; the one it
 * would load if it brought none along; and that of the program which was started.
 */
export function reachableCopies(): NestCopy[] {
  const own = { HttpException, ModulesContainer, find: findBesideNest, Logger };
  const copies: NestCopy[] = [own];
  const known = new Set([pathOf(findBesideNest)]);
  for (const anchor of [attempt(besideThisPackage), process.argv[1]]) {
    const other = anchor === undefined ? undefined : attempt(() => createRequire(anchor));
    const path = pathOf(other);
    if (other === undefined || path === undefined || known.has(path)) continue;
    known.add(path);
    const copy = attempt(() => copyOf(other));
    if (copy !== undefined) copies.push(copy);
  }
  return copies;
}

function copyOf(find: NodeJS.Require): NestCopy {
  const { HttpException, Logger } = find('@nestjs/common') as NestClasses &
    Pick<NestCopy, 'Logger'>;
  const { ModulesContainer } = find('@nestjs/core') as NestClasses;
  return { HttpException, ModulesContainer, find, Logger };
}

function pathOf(find: NodeJS.Require | undefined): string | undefined {
  return attempt(() => find?.resolve('@nestjs/core'));
}

/** In bundles and test runners, little of this is to be had. */
function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
