import { type DynamicModule, Inject, Module } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { MetadataAdditions } from '../keys/metadata.js';
import { ClientAuthentication } from './client-authentication.js';
import { ClientsModule } from './clients.module.js';
import { EnvoyController } from './envoy.controller.js';
import { ForwardAuth } from './forward-auth.js';
import { Introspection } from './introspection.js';
import { oauthMetadata } from './oauth-metadata.js';
import { OAuthController } from './oauth.controller.js';
import { RevokedTokenRepository } from './revoked-token.repository.js';
import { TokensOfServices } from './tokens-of-services.js';
import { TokenGrants } from './token-grants.js';
import { TokenReader } from './token-reader.js';
import { TokenRevocation } from './token-revocation.js';
import { VerifyController } from './verify.controller.js';

/**
 * The OAuth endpoints, service clients and forward-auth, on top of an AuthModule:
 *
 * ```ts
 * const auth = AuthModule.forRoot({ … });
 * imports: [auth, OAuthModule.with(auth)]
 * ```
 */
@Module({
  imports: [ClientsModule],
  controllers: [OAuthController, VerifyController],
  providers: [
    ClientAuthentication,
    ForwardAuth,
    Introspection,
    RevokedTokenRepository,
    TokenGrants,
    TokenReader,
    TokenRevocation,
    TokensOfServices,
  ],
})
export class OAuthModule {
  /**
   * @param auth the very object that the application imports: it is not made a second time.
   * @param options.envoy also answers on every path below `/auth/verify`, as Envoy asks. Default false.
   */
  static with(auth: DynamicModule, options: { envoy?: boolean } = {}): DynamicModule {
    const controllers = options.envoy === true ? [EnvoyController] : [];
    return { module: OAuthModule, imports: [auth], controllers };
  }

  constructor(additions: MetadataAdditions, @Inject(CONFIG) config: LatchkeyConfig) {
    additions.add(oauthMetadata(config));
  }
}
