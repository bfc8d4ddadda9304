import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { renewed } from './support/client.js';
import { createClient, type Credentials } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

/** The services of the tests speak plain http. */
const insecure = { [oauth.allowInsecureRequests]: true };

describeOnEachDatabase('oauth4webapi, which knows nothing of us', (suite) => {
  let service: TestService;
  let credentials: Credentials;
  let client: oauth.Client;
  let secret: oauth.ClientAuth;
  beforeAll(async () => {
    service = await suite.open({ ROLE_SCOPES: '{"user":["notes:read"]}' });
    credentials = await createClient(service, { id: 'orders:eu_+1', scope: 'a b' });
    client = { client_id: credentials.clientId };
    secret = oauth.ClientSecretBasic(credentials.clientSecret);
  });

  const discover = async (algorithm: 'oidc' | 'oauth2') => {
    const issuer = new URL(service.url);
    const answer = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
    return oauth.processDiscoveryResponse(issuer, answer);
  };

  it.each(['oidc', 'oauth2'] as const)('discovers us (%s)', async (algorithm) => {
    const server = await discover(algorithm);
    expect(server.issuer).toBe(service.url);
    expect(server.token_endpoint).toBe(`${service.url}/oauth/token`);
  });

  it.each([
    ['Basic', () => secret],
    ['the form', () => oauth.ClientSecretPost(credentials.clientSecret)],
  ])('gets a service token by %s, introspects and revokes it', async (_name, authentication) => {
    const server = await discover('oauth2');
    const auth = authentication();
    const granted = await oauth.processClientCredentialsResponse(
      server,
      client,
      await oauth.clientCredentialsGrantRequest(server, client, auth, { scope: 'a' }, insecure),
    );
    expect(granted).toMatchObject({ token_type: 'bearer', scope: 'a' });
    const introspected = async () =>
      oauth.processIntrospectionResponse(
        server,
        client,
        await oauth.introspectionRequest(server, client, auth, granted.access_token, insecure),
      );
    expect(await introspected()).toMatchObject({ active: true, sub: credentials.clientId });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, auth, granted.access_token, insecure),
    );
    expect(await introspected()).toEqual({ active: false });
  });

  it('renews as the public client, validates the access token, and revokes', async () => {
    const server = await discover('oidc');
    const first = renewed(await service.register());
    const app = { client_id: 'latchkey' };
    const granted = await oauth.processRefreshTokenResponse(
      server,
      app,
      await oauth.refreshTokenGrantRequest(server, app, oauth.None(), first.refreshToken, insecure),
    );
    const request = new Request(`${service.url}/notes`, {
      headers: { authorization: `Bearer ${granted.access_token}` },
    });
    const claims = await oauth.validateJwtAccessToken(server, request, service.url, insecure);
    expect(claims).toMatchObject({ sub: first.user.id, scope: 'notes:read' });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(
        server,
        app,
        oauth.None(),
        granted.refresh_token ?? '',
        insecure,
      ),
    );
    expect((await service.me(granted.access_token)).status).toBe(401);
  });

  it('reads our errors', async () => {
    const server = await discover('oauth2');
    const wrong = oauth.ClientSecretBasic('wrong');
    const answer = await oauth.clientCredentialsGrantRequest(server, client, wrong, {}, insecure);
    await expect(oauth.processClientCredentialsResponse(server, client, answer)).rejects.toThrow(
      oauth.WWWAuthenticateChallengeError,
    );
    const beyond = { scope: 'all' };
    const scope = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      secret,
      beyond,
      insecure,
    );
    await expect(
      oauth.processClientCredentialsResponse(server, client, scope),
    ).rejects.toMatchObject({ error: 'invalid_scope', status: 400 });
  });
});

describeOnEachDatabase('openid-client, which knows nothing of us', (suite) => {
  let service: TestService;
  let credentials: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    credentials = await createClient(service, { id: 'orders', scope: 'a b' });
  });

  const configure = (algorithm: 'oidc' | 'oauth2', id: string, secret?: string) =>
    openid.discovery(
      new URL(service.url),
      id,
      secret,
      secret === undefined ? openid.None() : undefined,
      { algorithm, execute: [openid.allowInsecureRequests] },
    );

  it.each(['oidc', 'oauth2'] as const)('works as a service client (%s)', async (algorithm) => {
    const { clientId, clientSecret } = credentials;
    const config = await configure(algorithm, clientId, clientSecret);
    const granted = await openid.clientCredentialsGrant(config, { scope: 'a b' });
    expect(granted.expiresIn()).toBeGreaterThan(0);
    const before = await openid.tokenIntrospection(config, granted.access_token);
    expect(before).toMatchObject({ active: true, client_id: clientId });
    await openid.tokenRevocation(config, granted.access_token);
    expect(await openid.tokenIntrospection(config, granted.access_token)).toEqual({
      active: false,
    });
  });

  it('renews as the public client; jose verifies the result by the keys it finds', async () => {
    const config = await configure('oidc', 'latchkey');
    const { refreshToken, user } = renewed(await service.register());
    const granted = await openid.refreshTokenGrant(config, refreshToken);
    const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri ?? ''));
    const { payload } = await jose.jwtVerify(granted.access_token, keys, {
      issuer: service.url,
      audience: service.url,
      typ: 'at+jwt',
    });
    expect(payload.sub).toBe(user.id);
    await expect(openid.refreshTokenGrant(config, 'garbage')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});
