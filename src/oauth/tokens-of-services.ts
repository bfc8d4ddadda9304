import { randomBytes } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { ServiceTokenClaims } from '../contract/claims.js';
import { Clock } from '../contract/clock.js';
import { Database } from '../database/database.js';
import { Sweeper } from '../database/sweeper.js';
import { AccessTokens, type MintedAccessToken } from '../tokens/access-tokens.js';
import { permittedScope } from '../tokens/scopes.js';
import type { ClientRow } from './client.repository.js';
import { RevokedTokenRepository } from './revoked-token.repository.js';
import { ServiceClients } from './service-clients.js';

/** Milliseconds for which a revocation outlives its token: more than the leeway of any reader. */
const AFTERMATH = 120_000;
const SWEEP = 1_000;

/**
 * The tokens of services: given out, revoked, and asked whether they still stand. A `jti` begins with the
 * registration of its client, so that a client of the same name that is made later does not revive it.
 */
@Injectable()
export class TokensOfServices implements OnModuleInit {
  constructor(
    private readonly tokens: AccessTokens,
    private readonly clients: ServiceClients,
    private readonly revoked: RevokedTokenRepository,
    private readonly database: Database,
    private readonly sweeper: Sweeper,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.sweeper.register('revoked tokens', () =>
      this.database.write((db) => this.revoked.removeExpired(db, this.clock.now(), SWEEP)),
    );
  }

  /**
   * @param wanted fewer scopes than the client has; all of them if left out.
   * @throws ScopeExceeded when one of them is not the client's.
   */
  issue(client: ClientRow, wanted?: readonly string[]): MintedAccessToken {
    return this.tokens.mintForService({
      clientId: client.id,
      audience: client.audience,
      scope: permittedScope(client.scopes, wanted),
      jti: `${client.registration}.${randomBytes(16).toString('base64url')}`,
    });
  }

  /**
   * Whether the client is still registered and the token was not revoked.
   *
   * @param claims of a genuine token that has not expired.
   */
  async stands({ client_id, jti }: ServiceTokenClaims): Promise<boolean> {
    const [client, revoked] = await Promise.all([
      this.clients.find(client_id),
      this.database.read((db) => this.revoked.has(db, jti)),
    ]);
    return client !== undefined && isOf(jti, client) && !revoked;
  }

  /** @returns once it is on disk. */
  async revoke({ jti, exp }: ServiceTokenClaims): Promise<void> {
    await this.database.write((db) => this.revoked.insert(db, jti, exp * 1000 + AFTERMATH));
  }
}

function isOf(jti: string, { registration }: ClientRow): boolean {
  return jti.startsWith(`${registration}.`);
}
