import { Get, Inject, Req, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiNotModifiedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Public } from '../http/access.decorators.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { JWKS_MAX_AGE } from './key-stages.js';
import { type Metadata, MetadataAdditions, openidMetadata, serverMetadata } from './metadata.js';
import { type PublicDocument, publicDocument, sendPublic } from './public-document.js';
import { SigningKeys } from './signing-keys.js';

interface WithHeaders {
  headers: { 'if-none-match'?: string };
}

/** What other services need to verify our tokens. Answers from memory, also while the database is away. */
@ApiTags('For other services')
@ApiOkResponse({ description: 'The document; may be cached for 300 s.' })
@ApiNotModifiedResponse({ description: 'What `If-None-Match` names is still right.' })
@Public()
@LatchkeyController('.well-known')
export class DiscoveryController {
  #server: PublicDocument | undefined;
  #openid: PublicDocument | undefined;
  #jwks: { from: object; document: PublicDocument } | undefined;

  constructor(
    private readonly keys: SigningKeys,
    private readonly host: HttpAdapterHost,
    private readonly additions: MetadataAdditions,
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
  ) {}

  @ApiOperation({ summary: 'The public keys of access tokens (RFC 7517)' })
  @Get('jwks.json')
  jwks(@Req() request: WithHeaders, @Res() response: unknown): void {
    this.#send(request, response, this.#jwksDocument());
  }

  @ApiOperation({ summary: 'Authorization server metadata (RFC 8414)' })
  @Get('oauth-authorization-server')
  server(@Req() request: WithHeaders, @Res() response: unknown): void {
    this.#server ??= this.#document(serverMetadata(this.config));
    this.#send(request, response, this.#server);
  }

  @ApiOperation({ summary: 'The same metadata where OpenID Connect libraries look for it' })
  @Get('openid-configuration')
  openid(@Req() request: WithHeaders, @Res() response: unknown): void {
    this.#openid ??= this.#document(openidMetadata(this.config));
    this.#send(request, response, this.#openid);
  }

  #document(metadata: Metadata): PublicDocument {
    return publicDocument({ ...metadata, ...this.additions.members });
  }

  /** Written anew only when the keys have changed. */
  #jwksDocument(): PublicDocument {
    const jwks = this.keys.jwks();
    if (this.#jwks?.from !== jwks) this.#jwks = { from: jwks, document: publicDocument(jwks) };
    return this.#jwks.document;
  }

  #send(request: WithHeaders, response: unknown, document: PublicDocument): void {
    sendPublic(this.host.httpAdapter, request, response, document, JWKS_MAX_AGE);
  }
}
