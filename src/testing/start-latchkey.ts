import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LatchkeyClient } from '../client/index.js';
import { asText, type LatchkeyConfig, readEnvironment } from '../config.js';
import { createLogger } from '../operations/logger.js';
import { createService } from '../service.js';
import { SETTINGS } from '../settings.js';
import type { TestLatchkey, TestLatchkeyOptions } from './create-test-latchkey.js';
import { Faults } from './faults.js';
import { freePort } from './free-port.js';
import { type MovableClock, RunningClock } from './movable-clock.js';
import { Outbox } from './outbox.js';
import { ServiceControls } from './service-controls.js';
import { testClient, type TestClientOptions } from './test-client.js';

/** What differs from the service's own defaults. */
const DEFAULTS = {
  HOST: '127.0.0.1',
  DATABASE_URL: 'sqlite::memory:',
  BCRYPT_COST: '4',
  RATE_LIMIT: 'off',
  LOG_LEVEL: 'silent',
};

/** By this name browsers take `Secure` cookies over plain HTTP. */
const HOST = 'localhost';

/** How often another port is tried when somebody took the one we found. */
const MOST_PORTS = 5;

/** @see createTestLatchkey */
export async function startLatchkey(options: TestLatchkeyOptions): Promise<TestLatchkey> {
  const wanted = { ...DEFAULTS, ...asEnvironment(options) };
  const fixed = 'PORT' in wanted;
  for (let left = fixed ? 1 : MOST_PORTS; ; left -= 1) {
    const port = fixed ? {} : { PORT: String(await freePort()) };
    try {
      return await start(readEnvironment({ ...wanted, ...port }), options);
    } catch (error) {
      if (left === 1 || !isPortTaken(error)) throw error;
    }
  }
}

/** Settings by their option names and by their environment names alike. */
function asEnvironment(options: TestLatchkeyOptions): Record<string, string> {
  const given: Record<string, unknown> = { ...options };
  const environment: Record<string, string> = {};
  for (const [name, { variable }] of Object.entries(SETTINGS)) {
    const value = given[variable] ?? given[name];
    if (isSetting(value)) environment[variable] = asText(value);
  }
  return environment;
}

function isSetting(value: unknown): value is Parameters<typeof asText>[0] {
  return value !== undefined && value !== null;
}

async function start(config: LatchkeyConfig, options: TestLatchkeyOptions): Promise<TestLatchkey> {
  const clock = options.clock ?? new RunningClock();
  const faults = new Faults();
  const app = await createService(config, {
    clock,
    logger: config.logLevel !== 'silent' && createLogger(config, options.logTo),
    configure: (instance) => faults.install(instance, config.publicUrl),
  });
  try {
    await app.listen(config.port, config.host);
  } catch (error) {
    await app.close();
    throw error;
  }
  return new RunningLatchkey(app, config, clock, faults);
}

class RunningLatchkey extends ServiceControls implements TestLatchkey {
  readonly baseUrl: string;
  readonly #clients: LatchkeyClient[] = [];
  #closing: Promise<void> | undefined;

  constructor(
    readonly app: NestFastifyApplication,
    config: LatchkeyConfig,
    readonly clock: MovableClock,
    private readonly faults: Faults,
  ) {
    super({ services: app, config, clock, faults, outbox: new Outbox(), host: HOST });
    this.baseUrl = `http://${HOST}:${config.port}`;
  }

  client(options?: TestClientOptions): LatchkeyClient {
    const client = testClient(this.baseUrl, options);
    this.#clients.push(client);
    return client;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.faults.clear();
    await this.app.close();
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
