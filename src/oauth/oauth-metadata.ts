import type { LatchkeyConfig } from '../config.js';
import type { Metadata } from '../keys/metadata.js';

const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'];

/** The OAuth endpoints in the metadata (RFC 8414 §2). Of the scopes, those of `ROLE_SCOPES`. */
export function oauthMetadata({
  publicUrl,
  roleScopes,
}: Pick<LatchkeyConfig, 'publicUrl' | 'roleScopes'>): Metadata {
  const scopes = [...new Set(Object.values(roleScopes).flat())].sort();
  return {
    token_endpoint: `${publicUrl}/oauth/token`,
    token_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    introspection_endpoint: `${publicUrl}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: SECRET_METHODS,
    revocation_endpoint: `${publicUrl}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    grant_types_supported: ['client_credentials', 'refresh_token'],
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
  };
}
