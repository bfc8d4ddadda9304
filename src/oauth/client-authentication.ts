import { Inject, Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import type { Form } from '../http/form.js';
import { OAuthError } from '../http/oauth-error.js';
import type { ClientRow } from './client.repository.js';
import { presentedClient } from './presented-client.js';
import { ServiceClients } from './service-clients.js';

/** The first-party client, whose id everybody may know and who has no secret. */
export const FIRST_PARTY = Symbol('first party');

export type Client = ClientRow | typeof FIRST_PARTY;

/** Tells which client sent a request to an OAuth endpoint. */
@Injectable()
export class ClientAuthentication {
  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly clients: ServiceClients,
  ) {}

  /**
   * A service client by its secret, or the first party by its name.
   *
   * @throws OAuthError `invalid_client` for anything else.
   */
  async identify(headers: IncomingHttpHeaders, form: Form): Promise<Client> {
    const presented = presentedClient(headers, form);
    if (presented === undefined) {
      throw new OAuthError('invalid_client', 'The request does not say which client sent it.');
    }
    const { id, secret } = presented;
    if (secret === undefined) {
      if (id === this.config.clientId) return FIRST_PARTY;
      throw new OAuthError('invalid_client', 'The client must authenticate.');
    }
    const client = await this.clients.authenticate(id, secret);
    if (client !== undefined) return client;
    throw new OAuthError('invalid_client', 'The client is unknown or its secret is wrong.');
  }

  /**
   * A service client by its secret.
   *
   * @throws OAuthError `invalid_client`.
   */
  async authenticate(headers: IncomingHttpHeaders, form: Form): Promise<ClientRow> {
    const client = await this.identify(headers, form);
    if (client !== FIRST_PARTY) return client;
    throw new OAuthError('invalid_client', 'The client must authenticate.');
  }
}
