import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import type { LatchkeyConfig } from './config.js';
import type { Clock } from './contract/clock.js';
import { OAuthModule } from './oauth/oauth.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { ClientScriptController } from './pages/client-script.controller.js';
import { PagesModule } from './pages/pages.module.js';
import { UsersModule } from './users/users.module.js';

/** The standalone service: the first host of AuthModule, with our own users and every route guarded. */
@Module({})
export class AppModule {
  static forConfig(config: LatchkeyConfig, clock?: Clock): DynamicModule {
    const auth = AuthModule.forRoot({
      ...config,
      usersModule: UsersModule,
      guardEveryRoute: true,
      ...(clock === undefined ? {} : { clock }),
    });
    return {
      module: AppModule,
      controllers: [ClientScriptController],
      imports: [
        auth,
        OAuthModule.with(auth, { envoy: true }),
        UsersModule,
        OperationsModule,
        ...(config.pages === 'on' ? [PagesModule] : []),
      ],
    };
  }
}
