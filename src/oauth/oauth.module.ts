import { type DynamicModule, Inject, Module } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { MetadataAdditions } from '../keys/metadata.js';
import { ClientAuthentication } from './client-authentication.js';
import { ClientsModule } from './clients.module.js';
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
    Introspection,
    RevokedTokenRepository,
    TokenGrants,
    TokenReader,
    TokenRevocation,
    TokensOfServices,
  ],
})
export class OAuthModule {
  /** @param auth the very object that the application imports: it is not made a second time. */
  static with(auth: DynamicModule): DynamicModule {
    return { module: OAuthModule, imports: [auth] };
  }

  constructor(additions: MetadataAdditions, @Inject(CONFIG) config: LatchkeyConfig) {
    additions.add(oauthMetadata(config));
  }
}
