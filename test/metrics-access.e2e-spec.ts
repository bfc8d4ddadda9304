import { Client, expectProblem } from './support/client.js';
import { freePort } from './support/free-port.js';
import { outerAddress } from './support/outer-address.js';
import { type ServiceProcess, spawnService } from './support/process.js';
import { describeOnEachDatabase } from './support/suite.js';

/** @see contract §7: `/metrics` «only on `METRICS_PORT`» */
describeOnEachDatabase('The port of the service', (suite) => {
  it.each([{}, { 'x-forwarded-for': '127.0.0.1' }])(
    'has no metrics for anybody: %j',
    async (headers) => {
      const service = await suite.open();
      expectProblem(await service.get('/metrics', { headers }), 'not_found');
    },
  );
});

describe('The port of the metrics', () => {
  let service: ServiceProcess;
  let metrics: Client;

  beforeAll(async () => {
    const port = String(await freePort());
    service = await spawnService({ METRICS_PORT: port, HOST: '0.0.0.0' });
    metrics = new Client(`http://127.0.0.1:${port}`);
  });

  afterAll(async () => {
    metrics.hangUp();
    await service.end('SIGTERM');
  });

  it('shows Prometheus text to this machine', async () => {
    const answer = await metrics.get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toMatch(/^text\/plain/);
    expect(answer.text).toContain('# TYPE');
  });

  it('has nothing else, and PORT has no metrics', async () => {
    expect((await metrics.get('/users/me')).status).toBe(404);
    expect((await metrics.post('/metrics', {})).status).toBe(404);
    expectProblem(await service.get('/metrics'), 'not_found');
  });

  it('listens on this machine alone unless METRICS_HOST says otherwise', async () => {
    const outer = outerAddress();
    if (outer === undefined) throw new Error('this machine has no address but loopback');
    const stranger = new Client(metrics.url.replace('127.0.0.1', outer));
    await expect(stranger.get('/metrics')).rejects.toThrow('ECONNREFUSED');
    stranger.hangUp();
  });

  it.each([
    'attacker.example',
    'attacker.example:9464',
    'localhost.attacker.example',
    'a@b.example',
  ])('refuses a request for another host, %s, with 421', async (host) => {
    const answer = await metrics.get('/metrics', { headers: { host } });
    expect(answer.status).toBe(421);
    expect(answer.text).toBe('');
  });

  it.each([
    'localhost',
    'localhost:9464',
    '127.0.0.1',
    '[::1]:9464',
    '10.1.2.3',
    'latchkey:9464',
    'latchkey.internal',
  ])('answers a request for its own host, %s', async (host) => {
    expect((await metrics.get('/metrics', { headers: { host } })).status).toBe(200);
  });
});
