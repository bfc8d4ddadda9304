import { readEnvironment } from '../../src/config.js';
import { createService } from '../../src/service.js';
import { Client } from './client.js';
import { MovableClock } from './clock.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './databases.js';
import { freePort } from './free-port.js';

export type Environment = Readonly<Record<string, string>>;

/** A service in this process, on a port of its own. */
export class TestService extends Client {
  constructor(
    url: string,
    readonly clock: MovableClock,
    readonly database: TestDatabase,
    private readonly stop: () => Promise<void>,
  ) {
    super(url);
  }

  /** Makes a user an administrator, as the command line would. */
  async promote(userId: string): Promise<void> {
    await this.database.query(`update users set roles = '["user","admin"]' where id = '${userId}'`);
  }

  /** Somebody new with the role `admin`. */
  async registerAdmin(): Promise<{ id: string; accessToken: string; password: string }> {
    const { email, password } = { email: `admin-${Math.random()}@example.com`, password: ADMIN };
    const { user } = await this.register({ email, password });
    await this.promote(user.id);
    const answer = await this.login({ email, password });
    return {
      id: user.id,
      accessToken: answer.json<{ accessToken: string }>().accessToken,
      password,
    };
  }

  async close(): Promise<void> {
    this.hangUp();
    await this.stop();
  }
}

const ADMIN = 'the keeper of the keys';

export interface ServiceOptions {
  database: TestDatabase;
  /** On top of cheap hashes and no rate limits. */
  environment?: Environment | undefined;
  clock?: MovableClock | undefined;
}

export async function startTestService(options: ServiceOptions): Promise<TestService> {
  const clock = options.clock ?? new MovableClock();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = readEnvironment({
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: url,
    BCRYPT_COST: '4',
    RATE_LIMIT: 'off',
    ...options.database.environment,
    ...options.environment,
  });
  const service = await createService(config, { clock, logger: false });
  await service.listen(port, '127.0.0.1');
  return new TestService(url, clock, options.database, () => service.close());
}

/** A place for the services of a group of tests; all of it goes away with the group. */
export class Suite {
  readonly #databases: TestDatabase[] = [];
  readonly #services: TestService[] = [];
  #shared: TestDatabase | undefined;

  constructor(readonly kind: DatabaseKind) {}

  /** The database that the group shares. */
  async database(): Promise<TestDatabase> {
    this.#shared ??= await this.freshDatabase();
    return this.#shared;
  }

  /** A database that nobody else uses. */
  async freshDatabase(): Promise<TestDatabase> {
    const database = await createDatabase(this.kind);
    this.#databases.push(database);
    return database;
  }

  /** Starts a service on the group's database. */
  async open(environment?: Environment, clock?: MovableClock): Promise<TestService> {
    return this.openOn(await this.database(), environment, clock);
  }

  /** Starts a service on a database that nobody else uses. */
  async openFresh(environment?: Environment, clock?: MovableClock): Promise<TestService> {
    return this.openOn(await this.freshDatabase(), environment, clock);
  }

  async openOn(
    database: TestDatabase,
    environment?: Environment,
    clock?: MovableClock,
  ): Promise<TestService> {
    const service = await startTestService({ database, environment, clock });
    this.#services.push(service);
    return service;
  }

  async end(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close()));
    await Promise.all(this.#databases.map((database) => database.drop()));
  }
}

/** The same rules on SQLite and on PostgreSQL. */
export function describeOnEachDatabase(name: string, rules: (suite: Suite) => void): void {
  for (const kind of ['sqlite', 'postgres'] as const) {
    describe(`${name}, on ${kind}`, () => {
      const suite = new Suite(kind);
      afterAll(() => suite.end());
      rules(suite);
    });
  }
}
