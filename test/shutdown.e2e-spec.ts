import { once } from 'node:events';
import { request } from 'node:http';
import { endProcesses, spawnService } from './support/process.js';
import { describeOnEachDatabase, type Environment } from './support/suite.js';

/** @see contract §7: «then running requests finish (10 s), exit 0» */
describeOnEachDatabase('At shutdown', (suite) => {
  afterAll(() => endProcesses());

  /** @returns for how many milliseconds the request lasted on, and how the process ended. */
  const stopDuringEndlessRequest = async (environment: Environment, signal: NodeJS.Signals) => {
    const service = await spawnService(environment);
    const headers = { 'content-type': 'application/json', expect: '100-continue' };
    const endless = request(`${service.url}/auth/login`, { method: 'POST', headers });
    const cut = once(endless, 'error');
    endless.flushHeaders();
    await once(endless, 'continue');
    endless.write('{"email":');
    const begun = performance.now();
    service.child.kill(signal);
    const [error] = await cut;
    const lasted = performance.now() - begun;
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    return { lasted, code: await service.exited() };
  };

  it('a request that does not end is cut after 10 s, and the process still ends with 0', async () => {
    const { environment } = await suite.database();
    const signals = ['SIGTERM', 'SIGINT'] as const;
    const ends = await Promise.all(
      signals.map((signal) => stopDuringEndlessRequest(environment, signal)),
    );
    for (const { lasted, code } of ends) {
      expect(lasted).toBeGreaterThan(9_900);
      expect(lasted).toBeLessThan(15_000);
      expect(code).toBe(0);
    }
  });
});
