import { PASSWORD, renewed } from './support/client.js';
import { describeOnEachDatabase } from './support/suite.js';

describeOnEachDatabase('What is told of ended sessions', (suite) => {
  it('has happened: a deletion that fails is told of nowhere, and ends nothing', async () => {
    const service = await suite.openFresh();
    const { accessToken, user } = renewed(await service.register());
    await service.database.query(
      'create table orders (user_id text not null references users (id))',
    );
    await service.database.query(`insert into orders values ('${user.id}')`);
    const remove = () =>
      service.delete('/users/me', { json: { password: PASSWORD }, bearer: accessToken });
    expect((await remove()).status).toBe(500);
    expect((await service.me(accessToken)).status).toBe(200);
    expect(await service.metrics()).not.toContain('user_deleted');
    await service.database.query('drop table orders');
    expect((await remove()).status).toBe(204);
    expect(await service.metrics()).toContain('{reason="user_deleted"} 1');
  });
});
