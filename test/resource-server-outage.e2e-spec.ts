import {
  createVerifier,
  type IssuerRequest,
  TokenError,
  type Verifier,
} from '../src/resource-server/index.js';
import { renewed } from './support/client.js';
import { freePort } from './support/free-port.js';
import { until } from './support/issuer.js';
import { endProcesses, type ServiceProcess, spawnService } from './support/process.js';
import { describeOnEachDatabase, type Environment } from './support/suite.js';

describeOnEachDatabase(
  'Another service beside a Latchkey that runs, stops and comes back',
  (suite) => {
    let environment: Environment;
    let service: ServiceProcess;
    let asked: IssuerRequest[];
    const verifiers: Verifier[] = [];

    beforeAll(async () => {
      const port = String(await freePort());
      const { environment: database } = await suite.database();
      environment = { ...database, PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` };
      service = await spawnService(environment);
    });
    afterEach(() => verifiers.splice(0).forEach((verifier) => verifier.close()));
    afterAll(endProcesses);

    function verifierFor(pollInterval: number): Verifier {
      asked = [];
      const verifier = createVerifier({
        logger: false,
        issuer: service.url,
        audience: service.url,
        revocation: { pollInterval },
        hooks: { requested: (request) => asked.push(request) },
      });
      verifiers.push(verifier);
      return verifier;
    }

    /** `accepted`, or the code of the refusal. */
    async function verdict(verifier: Verifier, token: string): Promise<string> {
      try {
        await verifier.verify(token);
        return 'accepted';
      } catch (error) {
        if (error instanceof TokenError) return error.code;
        throw error;
      }
    }

    it.each([0.5, 2])(
      'a sign-out shows within a poll of %d s and a second',
      async (pollInterval) => {
        const verifier = verifierFor(pollInterval);
        for (let round = 0; round < 3; round += 1) {
          const { accessToken, refreshToken } = renewed(await service.register());
          expect(await verdict(verifier, accessToken)).toBe('accepted');
          await service.post('/auth/logout', { refreshToken });
          const began = performance.now();
          await until(async () => (await verdict(verifier, accessToken)) === 'token_invalid');
          expect(performance.now() - began).toBeLessThan((pollInterval + 1) * 1000);
        }
      },
    );

    it('no call waits for Latchkey, or makes it be asked, once keys and list are there', async () => {
      const verifier = verifierFor(60);
      const people = [];
      for (let one = 0; one < 20; one += 1) people.push(renewed(await service.register()));
      await verifier.verify(people[0]?.accessToken);
      const before = asked.map(({ document }) => document).sort();
      expect(before).toEqual(['jwks', 'metadata', 'status_list']);
      for (const { accessToken } of [...people, ...people]) {
        expect(await verdict(verifier, accessToken)).toBe('accepted');
      }
      expect(asked).toHaveLength(before.length);
    });

    it('goes on while Latchkey is stopped, and follows it when it is back', async () => {
      const verifier = verifierFor(0.3);
      const [one, two] = [renewed(await service.register()), renewed(await service.register())];
      expect(await verdict(verifier, one.accessToken)).toBe('accepted');
      await service.end('SIGTERM');
      const failed = () => asked.filter(({ outcome }) => outcome === 'failed').length;
      await until(() => failed() >= 3);
      expect(await verdict(verifier, one.accessToken)).toBe('accepted');
      expect(await verdict(verifier, two.accessToken)).toBe('accepted');
      service = await spawnService(environment);
      await service.post('/auth/logout', { refreshToken: one.refreshToken });
      await until(async () => (await verdict(verifier, one.accessToken)) === 'token_invalid');
      expect(await verdict(verifier, two.accessToken)).toBe('accepted');
    });

    it('knows the sign-outs from before it was started', async () => {
      const { accessToken, refreshToken } = renewed(await service.register());
      await service.post('/auth/logout', { refreshToken });
      await new Promise((wait) => setTimeout(wait, 1_000));
      expect(await verdict(verifierFor(60), accessToken)).toBe('token_invalid');
    });
  },
);
