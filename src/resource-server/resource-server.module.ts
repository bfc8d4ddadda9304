import { clearTimeout, setTimeout } from 'node:timers';
import type { DynamicModule, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { assertNothingFresh } from './fresh-check.js';
import { assertGatewaysGuarded } from './gateway-check.js';
import { VerifierMisconfigured } from './issuer-client.js';
import { HostNest, type NestClasses, type NestCopy, reachableCopies } from './host-nest.js';
import { APP_GUARD, ConfigurableModuleBuilder, Inject, Module } from './own-nest.js';
import { ResourceServerGuard } from './resource-server.guard.js';
import { Verifier } from './verifier.js';
import type { VerifierOptions } from './verifier-options.js';

/** How the module sits in the application. */
export interface ResourceServerPlacement {
  /**
   * Guards every handler of the application; `@Public()` then opens one. `false`: only what has
   * `@UseGuards(ResourceServerGuard)`. Default true.
   */
  guardEveryRoute?: boolean;
  /** The application's Nest, where it can't be found: when it is bundled and this package is not. */
  nest?: NestClasses | undefined;
}

const GUARDS_EVERYTHING = Symbol('latchkey:guards-everything');
/** Since this version of Nest, global guards reach WebSocket gateways. */
const GUARDS_REACH_GATEWAYS = 12;
/** How long the start of the application waits for the issuer at most. */
const LONGEST_START_MS = 5_000;

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<VerifierOptions>({ moduleName: 'LatchkeyResourceServer' })
    .setClassMethodName('forRoot')
    .setExtras<ResourceServerPlacement>({ guardEveryRoute: true, nest: undefined }, place)
    .build();

function place(
  definition: DynamicModule,
  { guardEveryRoute = true, nest }: ResourceServerPlacement,
): DynamicModule {
  const verifier = {
    provide: Verifier,
    useFactory: (options: VerifierOptions, host: HostNest) => {
      const logger = options.logger ?? host.logger('ResourceServerModule');
      return new Verifier(logger === undefined ? options : { ...options, logger });
    },
    // The Nest too, so that nothing goes on behind an application that it keeps from starting.
    inject: [MODULE_OPTIONS_TOKEN, HostNest],
  };
  const copies =
    nest === undefined ? reachableCopies() : [{ ...nest, find: undefined, Logger: undefined }];
  const guard = { provide: APP_GUARD, useExisting: ResourceServerGuard };
  return {
    ...definition,
    global: true,
    providers: [
      ...(definition.providers ?? []),
      verifier,
      hostNest(copies),
      ResourceServerGuard,
      { provide: GUARDS_EVERYTHING, useValue: guardEveryRoute },
      ...(guardEveryRoute ? [guard] : []),
    ],
    exports: [Verifier, HostNest, ResourceServerGuard],
  };
}

function hostNest(copies: readonly NestCopy[]) {
  return {
    provide: HostNest,
    inject: copies.map(({ ModulesContainer: token }) => ({ token, optional: true })),
    useFactory: (...found: (ModulesContainer | undefined)[]) => HostNest.among(copies, found),
  };
}

/**
 * Makes a Nest application accept Latchkey's access tokens, and by default nothing without one:
 *
 * ```ts
 * ResourceServerModule.forRoot({ issuer: 'https://auth.example.com', audience: 'orders' })
 * ```
 *
 * The application starts without the issuer, but not with one that answers and shows an option to be wrong. Background work ends with the application.
 */
@Module({})
export class ResourceServerModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    private readonly verifier: Verifier,
    @Inject(GUARDS_EVERYTHING) private readonly guardsEverything: boolean,
    private readonly nest: HostNest,
    @Inject(MODULE_OPTIONS_TOKEN) private readonly options: VerifierOptions,
  ) {
    super();
  }

  /** @throws Error that says what is wrong with the options. */
  async onModuleInit(): Promise<void> {
    try {
      this.assertHandlersFit();
      await this.assertConfigured();
    } catch (error) {
      this.verifier.close();
      throw error;
    }
  }

  private assertHandlersFit(): void {
    if (this.options.client === undefined) assertNothingFresh(this.nest.modules);
    const { major = 0, modules } = this.nest;
    if (this.guardsEverything && major < GUARDS_REACH_GATEWAYS) assertGatewaysGuarded(modules);
  }

  /** Waits no longer than one request may take: the application starts without the issuer. */
  private async assertConfigured(): Promise<void> {
    let stop: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LONGEST_START_MS);
      stop = () => clearTimeout(timer);
    });
    const ready = this.verifier.ready().catch((error: unknown) => {
      if (error instanceof VerifierMisconfigured) throw error;
    });
    await Promise.race([ready, enough]).finally(stop);
  }

  onApplicationShutdown(): void {
    this.verifier.close();
  }
}
