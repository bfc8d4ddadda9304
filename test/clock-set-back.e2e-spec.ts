import { type Answer, expectProblem } from './support/client.js';
import { createClient, type Credentials, introspect, serviceToken } from './support/oauth.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

/** @see contract §2: «Accepted only if … `exp`/`nbf`/`iat` within 30 s of leeway» */
describeOnEachDatabase('An access token of a time that is to come', (suite) => {
  let service: TestService;
  let orders: Credentials;
  beforeAll(async () => {
    service = await suite.open();
    orders = await createClient(service, { scope: 'orders:read' });
  });

  const ofUser = async () => (await service.register()).accessToken;
  const ofService = async () => (await serviceToken(service, orders)).access_token;
  const me = (token: string) => service.me(token);
  const verify = (token: string) => service.get('/auth/verify', { bearer: token });
  const asked = (token: string) => introspect(service, orders, token);

  const expectAccepted = (answer: Answer) => expect(answer.status).toBe(200);
  const expectRefused = (answer: Answer) => {
    expectProblem(answer, 'token_invalid');
    expect(answer.header('www-authenticate')).toContain('error="invalid_token"');
  };
  const expectActive = (answer: Answer) =>
    expect(answer.json()).toMatchObject({ active: true, client_id: expect.any(String) });
  const expectInactive = (answer: Answer) => {
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ active: false });
  };

  type Case = [
    what: string,
    issue: () => Promise<string>,
    present: (token: string) => Promise<Answer>,
    expectGood: (answer: Answer) => void,
    expectBad: (answer: Answer) => void,
  ];
  const cases: Case[] = [
    ['a user’s, at a guarded route', ofUser, me, expectAccepted, expectRefused],
    ['a user’s, at forward-auth', ofUser, verify, expectAccepted, expectRefused],
    ['a user’s, at introspection', ofUser, asked, expectActive, expectInactive],
    ['a service’s, at forward-auth', ofService, verify, expectAccepted, expectRefused],
    ['a service’s, at introspection', ofService, asked, expectActive, expectInactive],
  ];

  it.each(cases)(
    'is refused beyond 30 s, when the clock was set back: %s',
    async (_what, issue, present, expectGood, expectBad) => {
      const token = await issue();
      service.clock.setBack('31s');
      expectBad(await present(token));
      service.clock.advance('1s');
      expectGood(await present(token));
    },
  );

  it.each(cases)(
    'is refused beyond 30 s, although it was accepted before the clock was set back: %s',
    async (_what, issue, present, expectGood, expectBad) => {
      const token = await issue();
      for (let time = 0; time < 2; time += 1) expectGood(await present(token));
      service.clock.setBack('31s');
      for (let time = 0; time < 2; time += 1) expectBad(await present(token));
      service.clock.advance('1s');
      for (let time = 0; time < 2; time += 1) expectGood(await present(token));
      service.clock.setBack('1s');
      expectBad(await present(token));
    },
  );
});
