import { ConfigurableModuleBuilder, type DynamicModule, Module, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { CONFIG, type LatchkeyConfig, type LatchkeyOptions, resolveOptions } from '../config.js';
import type { Clock } from '../contract/clock.js';
import { FoundationModule } from '../foundation.module.js';
import { HttpModule } from '../http/http.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { RevocationModule } from '../revocation/revocation.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccessTokenGuard } from './access-token.guard.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { AuthController } from './auth.controller.js';
import { CurrentRoles } from './current-roles.js';
import { PasswordController } from './password.controller.js';
import { PasswordService } from './password.service.js';
import { PasswordSignIn } from './password-sign-in.js';
import { PresentedTokens } from './presented-token.js';
import { RefreshTokenGuard } from './refresh-token.guard.js';
import { RefreshTokenStrategy } from './refresh-token.strategy.js';
import { RegistrationController } from './registration.controller.js';
import { RegistrationService } from './registration.service.js';
import { RenewalService } from './renewal.service.js';
import { SessionsController } from './sessions.controller.js';
import { SignInContexts } from './sign-in-context.js';
import { SignInRequirements } from './sign-in-requirements.js';
import { SignInService } from './sign-in.service.js';
import { SignOut } from './sign-out.js';
import { StartWarnings } from './start-warnings.js';
import { TokenIssuer } from './token-issuer.js';

/** What `AuthModule.forRoot` takes beside the options: how it sits in the host application. */
export interface AuthModulePlacement {
  /** The module that exports a `UserStore`. */
  usersModule: Type | DynamicModule;
  /**
   * Guards every route of the application, not only Latchkey's own; `@Public()` then opens one.
   * Default false.
   */
  guardEveryRoute?: boolean;
  /** The time of everything. Default: the machine's clock. */
  clock?: Clock;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<
  LatchkeyOptions | LatchkeyConfig
>({ moduleName: 'Latchkey' })
  .setClassMethodName('forRoot')
  .setExtras<Partial<AuthModulePlacement>>({}, place)
  .build();

/** The options' provider moves into the foundation, which every part of Latchkey stands on. */
function place(
  { module, imports = [], providers = [] }: DynamicModule,
  placement: Partial<AuthModulePlacement>,
): DynamicModule {
  if (placement.usersModule === undefined) {
    throw new Error('AuthModule needs a usersModule that exports a UserStore');
  }
  const config = {
    provide: CONFIG,
    useFactory: resolveOptions,
    inject: [MODULE_OPTIONS_TOKEN],
  };
  const guard = { provide: APP_GUARD, useExisting: AccessTokenGuard };
  return {
    module,
    imports: [
      FoundationModule.with([...providers, config], imports, placement.clock),
      placement.usersModule,
    ],
    providers: placement.guardEveryRoute === true ? [guard] : [],
  };
}

/**
 * The authentication routes, their guards and strategies, on top of the host's users module:
 *
 * ```ts
 * AuthModule.forRootAsync({
 *   usersModule: UsersModule,
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({ publicUrl: config.getOrThrow('PUBLIC_URL') }),
 * })
 * ```
 *
 * It guards its own routes only, unless `guardEveryRoute` is set. Works on Express and on Fastify.
 */
@Module({
  imports: [
    PassportModule,
    HttpModule,
    KeysModule,
    TokensModule,
    PasswordsModule,
    SessionsModule,
    RevocationModule,
  ],
  controllers: [RegistrationController, AuthController, PasswordController, SessionsController],
  providers: [
    AccessTokenGuard,
    AccessTokenStrategy,
    CurrentRoles,
    PasswordService,
    PasswordSignIn,
    PresentedTokens,
    RefreshTokenGuard,
    RefreshTokenStrategy,
    RegistrationService,
    RenewalService,
    SignInContexts,
    SignInRequirements,
    SignInService,
    SignOut,
    StartWarnings,
    TokenIssuer,
  ],
  exports: [
    AccessTokenGuard,
    AccessTokenStrategy,
    CurrentRoles,
    HttpModule,
    KeysModule,
    PasswordsModule,
    RegistrationService,
    RenewalService,
    SessionsModule,
    SignInRequirements,
    SignInService,
    TokensModule,
  ],
})
export class AuthModule extends ConfigurableModuleClass {}
