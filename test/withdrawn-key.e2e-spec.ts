import { SigningKeys } from '../src/keys/signing-keys.js';
import { StoredSigningKeys } from '../src/keys/stored-signing-keys.js';
import { expectProblem, renewed } from './support/client.js';
import { decoded } from './support/jwt.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

const OLD_SECRET = 'the old secret of this installation with 32 bytes';
const NEW_SECRET = 'another secret of this installation with 32 bytes';

function keysOf(service: TestService): StoredSigningKeys {
  const keys = service.kit.app.get(SigningKeys, { strict: false });
  if (!(keys instanceof StoredSigningKeys)) throw new Error('These keys are fixed');
  return keys;
}

async function jwksOf(service: TestService): Promise<string[]> {
  const answer = await service.get('/.well-known/jwks.json');
  const { keys } = answer.json<{ keys: { kid: string }[] }>();
  return keys.map(({ kid }) => kid);
}

const kidOf = (token: string) => String(decoded(token).header['kid']);

/** @see contract §2 and §7: `latchkey keys rotate --now --withdraw` */
describeOnEachDatabase('A signing key that was withdrawn', (suite) => {
  it('signs and verifies nothing on any node, status lists neither', async () => {
    const one = await suite.openFresh();
    const two = await suite.openOn(one.database, { PUBLIC_URL: one.url });
    const { accessToken, refreshToken } = renewed(await one.register());
    expect([(await one.me(accessToken)).status, (await two.me(accessToken)).status]).toEqual([
      200, 200,
    ]);
    const listBefore = await two.get('/.well-known/status-lists/0');
    expect(kidOf(listBefore.text)).toBe(kidOf(accessToken));

    const { kid } = await keysOf(one).replaceAll();
    await keysOf(two).tick();
    for (const node of [one, two]) {
      expect(await jwksOf(node)).toEqual([kid]);
      expectProblem(await node.me(accessToken), 'token_invalid');
      expect(kidOf((await node.get('/.well-known/status-lists/0')).text)).toBe(kid);
    }
    const renewal = await two.renew(refreshToken);
    expect((await one.me(renewal.accessToken)).status).toBe(200);
  });

  it('is gone for a node too whose LATCHKEY_SECRET does not open the new one: it is not ready', async () => {
    const late = await suite.openFresh({ LATCHKEY_SECRET: OLD_SECRET });
    const settings = { PUBLIC_URL: late.url, LATCHKEY_SECRET: `${NEW_SECRET},${OLD_SECRET}` };
    const young = await suite.openOn(late.database, settings);
    const { accessToken, refreshToken } = renewed(await late.register());
    expect((await late.me(accessToken)).status).toBe(200);
    expect((await late.get('/health/ready')).status).toBe(200);

    const { kid } = await keysOf(young).replaceAll();
    await keysOf(late).tick();
    expect(await jwksOf(late)).toEqual([kid]);
    expectProblem(await late.me(accessToken), 'token_invalid');
    const refused = await late.refresh(refreshToken);
    expectProblem(refused, 'storage_unavailable');
    expect(refused.header('retry-after')).toBeDefined();
    expectProblem(await late.get('/.well-known/status-lists/0'), 'storage_unavailable');
    const health = await late.get('/health/ready');
    expect([health.status, health.text]).toEqual([503, expect.stringContaining('LATCHKEY_SECRET')]);

    await keysOf(young).rotate({ now: true });
    await keysOf(late).tick();
    expect(await jwksOf(late)).toEqual(await jwksOf(young));
    const renewal = await young.renew(refreshToken);
    expect((await late.me(renewal.accessToken)).status).toBe(200);
  });

  it('is replaced by a node of another algorithm by one of its own', async () => {
    const one = await suite.openFresh();
    const other = await suite.openOn(one.database, {
      PUBLIC_URL: one.url,
      ACCESS_TOKEN_ALG: 'ES384',
    });
    const { accessToken } = renewed(await other.register());
    expect(decoded(accessToken).header['alg']).toBe('ES384');
    await keysOf(one).replaceAll();
    await keysOf(other).tick();
    expectProblem(await other.me(accessToken), 'token_invalid');
    expect(await jwksOf(other)).not.toContain(kidOf(accessToken));
    const fresh = renewed(await other.register());
    expect(decoded(fresh.accessToken).header['alg']).toBe('ES384');
    expect((await other.me(fresh.accessToken)).status).toBe(200);
  });
});
