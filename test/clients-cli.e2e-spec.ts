import { createHash } from 'node:crypto';
import { latchkey, latchkeyJson } from './support/cli.js';
import { basic, type Credentials, expectOAuthError, postForm } from './support/oauth.js';
import { type Environment, describeOnEachDatabase, type TestService } from './support/suite.js';

describeOnEachDatabase('latchkey clients', (suite) => {
  let service: TestService;
  let environment: Environment;
  const run = (...args: string[]) => latchkey(environment, ['clients', ...args]);
  const create = (...args: string[]) =>
    latchkeyJson<Credentials>(environment, ['clients', 'create', '--id', ...args]);
  const token = (client: Credentials) =>
    postForm(service, '/oauth/token', { grant_type: 'client_credentials' }, basic(client));

  beforeAll(async () => {
    service = await suite.open();
    environment = service.database.environment;
  });

  it('create prints the secret once, works beside the service, and stores a digest', async () => {
    const made = await create('orders', '--scope', 'orders:read orders:write');
    expect(made).toEqual({
      clientId: 'orders',
      clientSecret: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect((await token(made)).status).toBe(200);
    const [row] = await service.database.query(`select * from clients where id = 'orders'`);
    expect(row?.['secret_hash']).toBe(createHash('sha256').update(made.clientSecret).digest('hex'));
    expect(JSON.stringify(row)).not.toContain(made.clientSecret);
  });

  it('create for people: the secret on standard output, the advice beside it', async () => {
    const { code, stdout, stderr } = await run('create', '--id', 'plain');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Client: plain\nSecret: [\w-]{43}\n$/);
    expect(stderr).toContain('not shown again');
    const secret = stdout.slice(stdout.indexOf('Secret: ') + 8).trim();
    expect((await token({ clientId: 'plain', clientSecret: secret })).status).toBe(200);
  });

  it('create refuses an id that is taken, and leaves that client as it is', async () => {
    const first = await create('taken');
    const { code, stdout, stderr } = await run('create', '--id', 'taken');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('There is a client taken already');
    expect((await token(first)).status).toBe(200);
  });

  it.each([
    ['latchkey', /first-party/],
    ['has space', /visible ASCII/],
    ['', /visible ASCII/],
    ['x'.repeat(65), /visible ASCII/],
    ['0197f3a2-0000-7000-8000-000000000000', /UUID/],
  ])('create refuses the id %j', async (id, why) => {
    const { code, stdout, stderr } = await run('create', '--id', id);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(why);
  });

  it('create refuses scopes and audiences of a wrong form', async () => {
    const scope = await run('create', '--id', 'wrong', '--scope', 'a"b');
    expect(scope.code).toBe(64);
    const audience = await run('create', '--id', 'wrong', '--audience', 'with space');
    expect([audience.code, audience.stdout]).toEqual([1, '']);
    expect((await run('create')).code).toBe(64);
  });

  it('rotate-secret prints another secret, and the old one is dead', async () => {
    const first = await create('rolled');
    const issued = (await token(first)).json<{ access_token: string }>();
    const second = await latchkeyJson<Credentials>(environment, [
      'clients',
      'rotate-secret',
      '--id',
      'rolled',
    ]);
    expect(second).toEqual({
      clientId: 'rolled',
      clientSecret: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect((await token(second)).status).toBe(200);
    expectOAuthError(await token(first), 401, 'invalid_client');
    const verified = await service.get('/auth/verify', { bearer: issued.access_token });
    expect(verified.status).toBe(200);
  });

  it('rotate-secret --keep lets the old secret live on for as long, and the one before it not', async () => {
    const other = await suite.openFresh();
    const run = (...args: string[]) =>
      latchkeyJson<Credentials>(other.database.environment, ['clients', ...args]);
    const statusOf = async (client: Credentials) =>
      (await postForm(other, '/oauth/token', { grant_type: 'client_credentials' }, basic(client)))
        .status;
    const first = await run('create', '--id', 'kept');
    const second = await run('rotate-secret', '--id', 'kept', '--keep', '1h');
    expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200]);
    const third = await run('rotate-secret', '--id', 'kept', '--keep', '1h');
    const all = [first, second, third];
    expect(await Promise.all(all.map(statusOf))).toEqual([401, 200, 200]);
    other.clock.advance('61m');
    expect(await Promise.all(all.map(statusOf))).toEqual([401, 401, 200]);
    const rows = await other.database.query('select * from clients');
    for (const { clientSecret } of all) expect(JSON.stringify(rows)).not.toContain(clientSecret);
  });

  it('rotate-secret refuses an unknown client and what is no duration', async () => {
    const unknown = await run('rotate-secret', '--id', 'nobody');
    expect([unknown.code, unknown.stdout]).toEqual([1, '']);
    expect(unknown.stderr).toContain('There is no client nobody');
    for (const keep of ['1 day', '-1h', '', '91d', '1w']) {
      expect((await run('rotate-secret', '--id', 'orders', '--keep', keep)).code).toBe(64);
    }
    expect((await run('rotate-secret')).code).toBe(64);
  });

  it('list shows every client, and no secret', async () => {
    const args = ['--scope', 'b a', '--scope', 'c', '--audience', 'https://x.example,y'];
    const { clientSecret } = await create('listed', ...args);
    const { stdout } = await run('list', '--json');
    const lines = stdout.trim().split('\n');
    const clients = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(clients).toContainEqual({
      clientId: 'listed',
      scopes: ['b', 'a', 'c'],
      audience: ['https://x.example', 'y'],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    const table = await run('list');
    expect(table.stdout).toMatch(/^CLIENT +SCOPES +AUDIENCE +CREATED\n/);
    expect(table.stdout).toMatch(/^listed +b a c +https:\/\/x\.example,y +\d{4}-/m);
    expect(stdout + table.stdout).not.toContain(clientSecret);
  });

  it('delete ends its credentials at once', async () => {
    const made = await create('leaving');
    expect((await token(made)).status).toBe(200);
    const gone = await run('delete', 'leaving', '--json');
    expect([gone.code, JSON.parse(gone.stdout)]).toEqual([
      0,
      { clientId: 'leaving', deleted: true },
    ]);
    expectOAuthError(await token(made), 401, 'invalid_client');
    const again = await run('delete', 'leaving');
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('There is no client leaving'),
    ]);
  });

  it('delete takes the id as an option too, and one of the two', async () => {
    await create('optional');
    expect((await run('delete', '--id', 'optional')).code).toBe(0);
    expect((await run('delete')).code).toBe(64);
  });

  it('works on an empty database', async () => {
    const { environment: empty } = await suite.freshDatabase();
    const { code, stdout } = await latchkey(empty, ['clients', 'list']);
    expect([code, stdout]).toEqual([0, '']);
  });
});
