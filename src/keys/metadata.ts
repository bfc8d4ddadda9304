import { Injectable } from '@nestjs/common';
import type { LatchkeyConfig } from '../config.js';

export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/**
 * Authorization server metadata (RFC 8414 §2). The issuer is `PUBLIC_URL` byte for byte. The empty lists
 * are meant: an absent `grant_types_supported` would promise the authorization code grant.
 */
export function serverMetadata({ publicUrl }: Pick<LatchkeyConfig, 'publicUrl'>): Metadata {
  return {
    issuer: publicUrl,
    jwks_uri: `${publicUrl}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: [],
  };
}

/** The same for libraries that only look for OpenID Connect's document. No ID tokens are issued. */
export function openidMetadata(
  config: Pick<LatchkeyConfig, 'publicUrl' | 'accessTokenAlg'>,
): Metadata {
  return {
    ...serverMetadata(config),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [config.accessTokenAlg],
  };
}

/** What other parts add to the metadata: the endpoints that this application has. */
@Injectable()
export class MetadataAdditions {
  #members: Metadata = {};

  get members(): Metadata {
    return this.#members;
  }

  /** Replaces members of the same name. Call it before the application listens. */
  add(members: Metadata): void {
    this.#members = { ...this.#members, ...members };
  }
}
