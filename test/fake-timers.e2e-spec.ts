import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { createVerifier } from 'latchkey/resource-server/core';
import { createTestLatchkey, type TestLatchkey } from 'latchkey/testing';
import { Client } from './support/client.js';
import { describeOnEachDatabase } from './support/suite.js';

const KEPT: ('nextTick' | 'queueMicrotask')[] = ['nextTick', 'queueMicrotask'];
/** Vitest leaves `nextTick` and `queueMicrotask` alone; Fastify and pg can't do without them. */
const FAKES: [string, Parameters<typeof jest.useFakeTimers>[0]][] = [
  ['timers and clocks', { doNotFake: KEPT }],
  ['timers alone', { doNotFake: [...KEPT, 'performance', 'Date'] }],
];

describeOnEachDatabase('Under fake timers, a Latchkey in this process', (suite) => {
  let latchkey: TestLatchkey;
  let client: Client;
  beforeEach(async () => {
    const { environment } = await suite.freshDatabase();
    latchkey = await createTestLatchkey(environment);
    client = new Client(latchkey.baseUrl);
  });
  afterEach(async () => {
    jest.useRealTimers();
    client.hangUp();
    await latchkey.close();
  });

  it.each(FAKES)('writes, reads, renews, is verified and ends: %s', async (_what, fakes) => {
    const { baseUrl } = latchkey;
    jest.useFakeTimers(fakes);
    const user = await latchkey.createUser({ roles: ['user'] });
    const { tokens } = await latchkey.signInAs({ userId: user.id });
    const verifier = createVerifier({ issuer: baseUrl, audience: baseUrl, logger: false });
    expect((await verifier.verify(tokens.accessToken)).sub).toBe(user.id);
    const { refreshToken } = tokens;
    const renewed = await client.post('/auth/refresh', { refreshToken });
    expect(renewed.status).toBe(200);
    expect((await client.post('/auth/logout', { refreshToken })).status).toBe(204);
    expect((await client.get('/health/ready')).status).toBe(200);
    verifier.close();
    await latchkey.close();
  });
});
