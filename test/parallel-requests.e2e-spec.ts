import type { UserView } from '../src/contract/responses.js';
import { renewed } from './support/client.js';
import { describeOnEachDatabase } from './support/suite.js';

/** @see src/auth/strategy-per-request.ts: passport shares a strategy that it is handed as an object. */
describeOnEachDatabase('Requests of several users at the same moment', (suite) => {
  it('are each answered, and each as its own user', async () => {
    const service = await suite.open();
    const people = await Promise.all(Array.from({ length: 8 }, () => service.register()));
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(people.map((one) => service.me(one.accessToken)));
      expect(answers.map((answer) => answer.json<UserView>().id)).toEqual(
        people.map((one) => one.user.id),
      );
    }
  });

  it('are refused each for itself', async () => {
    const service = await suite.open();
    const [ada, bob] = [await service.register(), await service.register()];
    await service.post('/auth/logout', undefined, { bearer: bob.accessToken });
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all([
        service.me(ada.accessToken),
        service.me(bob.accessToken),
        service.me('garbage'),
        service.get('/users/me'),
        service.me(ada.accessToken),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 401, 401, 401, 200]);
      expect(answers[0]?.json<UserView>().id).toBe(ada.user.id);
    }
  });

  it('renew each its own session', async () => {
    const service = await suite.open();
    let people = await Promise.all(
      Array.from({ length: 8 }, async () => renewed(await service.register())),
    );
    const sessions = people.map((one) => one.sessionId);
    for (let round = 0; round < 3; round += 1) {
      people = await Promise.all(people.map((one) => service.renew(one.refreshToken)));
      expect(people.map((one) => one.sessionId)).toEqual(sessions);
    }
  });
});
