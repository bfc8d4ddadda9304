import { type Fixture, startFixture } from './support/fixture.js';
import { Suite, type TestService } from './support/suite.js';

const suite = new Suite('sqlite');
let service: TestService;
let orders: Fixture;

beforeAll(async () => {
  service = await suite.open();
  const options = { issuer: service.url, audience: service.url };
  orders = await startFixture('graphql.js', JSON.stringify(options));
});
afterAll(async () => {
  await orders.end();
  await suite.end();
});

interface Result {
  data: Record<string, unknown> | null;
  errors?: { message: string; path: string[] }[];
}

async function query(text: string, bearer?: string): Promise<Result> {
  const sending = bearer === undefined ? {} : { bearer };
  const answer = await orders.post('/graphql', { query: text }, sending);
  return answer.json<Result>();
}

describe('a GraphQL service on Mercurius', () => {
  it('knows who asks', async () => {
    const { accessToken, user } = await service.register();
    expect(await query('{ owner }', accessToken)).toEqual({ data: { owner: user.id } });
  });

  it('is closed by default; what is public is open', async () => {
    const { errors } = await query('{ owner }');
    expect(errors).toMatchObject([{ message: 'An access token is required.', path: ['owner'] }]);
    expect(await query('{ echo(text: "hi") }')).toEqual({ data: { echo: 'hi' } });
  });

  it('asks for roles', async () => {
    const { accessToken } = await service.register();
    const { errors } = await query('{ all }', accessToken);
    expect(errors).toMatchObject([{ message: 'This is not allowed.' }]);
    const admin = await service.registerAdmin();
    expect(await query('{ all }', admin.accessToken)).toEqual({ data: { all: [] } });
  });
});
