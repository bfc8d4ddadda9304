import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from './support/client.js';
import { freePort } from './support/free-port.js';
import { describeWithProgram } from './support/needs-program.js';
import { endProcesses, spawnService } from './support/process.js';

/** @see contract §7: «Prometheus text» */
describe('The metrics', () => {
  let text = '';
  beforeAll(async () => {
    const port = String(await freePort());
    const service = await spawnService({ METRICS_PORT: port });
    await service.register();
    const metrics = new Client(`http://127.0.0.1:${port}`);
    text = (await metrics.get('/metrics')).text;
    metrics.hangUp();
    await service.end('SIGTERM');
  });
  afterAll(() => endProcesses());

  it('have names by which their types are known: counters, and only they, end in _total', () => {
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(types.length).toBeGreaterThan(20);
    for (const [, name, type] of types) {
      expect([name, `${name}`.endsWith('_total')]).toEqual([name, type === 'counter']);
    }
  });

  describeWithProgram('promtool', 'to the linter of Prometheus', (promtool) => {
    it('are as they should be', () => {
      const said = execFileSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect(said).toBe('');
    });
  });
});
