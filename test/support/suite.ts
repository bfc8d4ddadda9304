import { createTestLatchkey, MovableClock, type TestLatchkey } from 'latchkey/testing';
import { Metrics } from '../../src/operations/metrics.js';
import { Client } from './client.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './databases.js';
import { freePort } from './free-port.js';
import { TcpProxy } from './tcp-proxy.js';

export type Environment = Readonly<Record<string, string>>;

/** A service in this process, on a port of its own. */
export class TestService extends Client {
  constructor(
    url: string,
    readonly kit: TestLatchkey,
    readonly database: TestDatabase,
  ) {
    super(url);
  }

  get clock(): MovableClock {
    return this.kit.clock;
  }

  /** What `/metrics` would show. */
  metrics(): Promise<string> {
    return this.kit.app.get(Metrics, { strict: false }).text();
  }

  /** Makes a user an administrator, as the command line would. */
  async promote(userId: string): Promise<void> {
    await this.database.query(`update users set roles = '["user","admin"]' where id = '${userId}'`);
  }

  /** Somebody new with the role `admin`, signed in. */
  async registerAdmin(): Promise<{ id: string; accessToken: string; password: string }> {
    const { id, password } = await this.kit.createUser({ roles: ['user', 'admin'] });
    const { tokens } = await this.kit.signInAs({ userId: id });
    return { id, accessToken: tokens.accessToken, password };
  }

  async close(): Promise<void> {
    this.hangUp();
    await this.kit.close();
  }
}

export interface ServiceOptions {
  database: TestDatabase;
  /** On top of cheap hashes and no rate limits. */
  environment?: Environment | undefined;
  clock?: MovableClock | undefined;
}

export async function startTestService(options: ServiceOptions): Promise<TestService> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const kit = await createTestLatchkey({
    PORT: String(port),
    PUBLIC_URL: url,
    ...options.database.environment,
    ...options.environment,
    clock: options.clock ?? new MovableClock(),
  });
  return new TestService(url, kit, options.database);
}

/** A place for the services of a group of tests; all of it goes away with the group. */
export class Suite {
  readonly #databases: TestDatabase[] = [];
  readonly #services: TestService[] = [];
  readonly #proxies: TcpProxy[] = [];
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

  /** Starts a service on the group's PostgreSQL, whose way there is ours. */
  async openThroughProxy(): Promise<{ service: TestService; way: TcpProxy }> {
    const database = await this.database();
    const url = new URL(`${database.environment['DATABASE_URL']}`);
    const way = await TcpProxy.to(Number(url.port));
    this.#proxies.push(way);
    url.port = String(way.port);
    const environment = { ...database.environment, DATABASE_URL: url.href };
    return { service: await this.openOn({ ...database, environment }), way };
  }

  async end(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
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
