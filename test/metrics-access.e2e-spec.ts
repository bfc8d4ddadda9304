import { expectProblem } from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

/** @see contract §7: `/metrics` «only on `METRICS_PORT` when set, else to loopback peers only» */
describeOnEachDatabase('A proxy on this machine', (suite) => {
  const proxyHeaders = [
    { 'x-forwarded-for': '203.0.113.1' },
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=203.0.113.1' },
    { 'x-real-ip': '203.0.113.1' },
    { via: '1.1 proxy.example' },
  ];

  const expectMetrics = async (service: TestService) => {
    const answer = await service.get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('# TYPE');
  };

  it.each(proxyHeaders)('is not shown the metrics for somebody else: %j', async (headers) => {
    for (const trust of [{}, { TRUST_PROXY: '127.0.0.1' }]) {
      const service = await suite.open(trust);
      await expectMetrics(service);
      const answer = await service.get('/metrics', { headers });
      expectProblem(answer, 'not_found');
      expect(answer.text).not.toContain('# TYPE');
    }
  });
});
