import { setTimeout as sleep } from 'node:timers/promises';
import { latchkeyJson } from './support/cli.js';
import { renewed } from './support/client.js';
import { createPostgres, type TestDatabase } from './support/databases.js';
import {
  basic,
  type Credentials,
  expectOAuthError,
  FIRST_PARTY,
  postForm,
  serviceToken,
} from './support/oauth.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import { endProcesses, type ServiceProcess, spawnService } from './support/process.js';

/** An outage must not look like a refusal: clients would throw their credentials away. */
describe('With the database away', () => {
  let cluster: PostgresCluster;
  let database: TestDatabase;
  let service: ServiceProcess;
  beforeAll(async () => {
    cluster = await PostgresCluster.create();
    database = await createPostgres(cluster.url());
    service = await spawnService(database.environment);
  }, 60_000);
  afterAll(async () => {
    await endProcesses();
    await cluster.destroy();
  });

  /** Within 10 s by the contract. */
  const ready = async () => {
    while ((await service.get('/health/ready')).status !== 200) await sleep(100);
  };

  it('OAuth’s endpoints and forward-auth answer 503, never 401, and all goes on afterwards', async () => {
    const client = await latchkeyJson<Credentials>(database.environment, [
      'clients',
      'create',
      '--id',
      'orders',
    ]);
    const user = renewed(await service.register());
    const { access_token } = await serviceToken(service, client);
    const { refreshToken: refresh_token, accessToken: token } = user;
    await cluster.stop();

    const { clientId, clientSecret } = client;
    const forms: [path: string, form: Record<string, string>, headers: Record<string, string>][] = [
      ['/oauth/token', { grant_type: 'client_credentials' }, basic(client)],
      [
        '/oauth/token',
        { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
        {},
      ],
      ['/oauth/token', { grant_type: 'refresh_token', refresh_token, ...FIRST_PARTY }, {}],
      ['/oauth/introspect', { token }, basic(client)],
      ['/oauth/introspect', { token: access_token }, basic(client)],
      ['/oauth/revoke', { token }, basic(client)],
      ['/oauth/revoke', { token: refresh_token, ...FIRST_PARTY }, {}],
    ];
    for (const [path, form, headers] of forms) {
      const answer = await postForm(service, path, form, headers);
      expectOAuthError(answer, 503, 'temporarily_unavailable');
      expect(Number(answer.header('retry-after'))).toBeGreaterThan(0);
      expect(answer.header('www-authenticate')).toBeUndefined();
      expect(answer.header('refresh-outcome')).toBeUndefined();
    }
    for (const bearer of [token, access_token]) {
      const answer = await service.get('/auth/verify', { bearer });
      expect([answer.status, answer.json()['code']]).toEqual([503, 'storage_unavailable']);
    }

    await cluster.start();
    await ready();
    for (const bearer of [token, access_token]) {
      expect((await service.get('/auth/verify', { bearer })).status).toBe(200);
    }
    expect((await service.refresh(refresh_token)).header('refresh-outcome')).toBe('rotated');
  }, 60_000);
});
