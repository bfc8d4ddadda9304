import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
import { assertGatewaysGuarded, globalGuardsReachGateways } from './gateway-check.js';
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
}

const GUARDS_EVERYTHING = Symbol('latchkey:guards-everything');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<VerifierOptions>({ moduleName: 'LatchkeyResourceServer' })
    .setClassMethodName('forRoot')
    .setExtras<ResourceServerPlacement>({}, place)
    .build();

function place(
  definition: DynamicModule,
  { guardEveryRoute = true }: ResourceServerPlacement,
): DynamicModule {
  const verifier = {
    provide: Verifier,
    useFactory: (options: VerifierOptions) => new Verifier(options),
    inject: [MODULE_OPTIONS_TOKEN],
  };
  const guard = { provide: APP_GUARD, useExisting: ResourceServerGuard };
  return {
    ...definition,
    global: true,
    providers: [
      ...(definition.providers ?? []),
      verifier,
      ResourceServerGuard,
      { provide: GUARDS_EVERYTHING, useValue: guardEveryRoute },
      ...(guardEveryRoute ? [guard] : []),
    ],
    exports: [Verifier, ResourceServerGuard],
  };
}

/**
 * Makes a Nest application accept Latchkey's access tokens, and by default nothing without one:
 *
 * ```ts
 * ResourceServerModule.forRoot({ issuer: 'https://auth.example.com', audience: 'orders' })
 * ```
 *
 * The application starts without the issuer. Background work ends with the application.
 */
@Module({})
export class ResourceServerModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    private readonly verifier: Verifier,
    @Inject(GUARDS_EVERYTHING) private readonly guardsEverything: boolean,
    @Optional() @Inject(ModulesContainer) private readonly modules?: ModulesContainer,
  ) {
    super();
  }

  onModuleInit(): void {
    if (!this.guardsEverything || this.modules === undefined) return;
    if (!globalGuardsReachGateways()) assertGatewaysGuarded(this.modules);
  }

  onApplicationShutdown(): void {
    this.verifier.close();
  }
}
