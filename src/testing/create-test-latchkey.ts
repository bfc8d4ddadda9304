import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DestinationStream } from 'pino';
import type { LatchkeyOptions } from '../options.js';
import type { SettingName, SETTINGS } from '../settings.js';
import type { LatchkeyClient } from '../client/index.js';
import type { MovableClock } from './movable-clock.js';
import type { TestClientOptions } from './test-client.js';
import type { TestControls } from './test-controls.js';

/** The settings by the names of their environment variables, as texts. */
export type EnvironmentOptions = {
  readonly [Name in SettingName as (typeof SETTINGS)[Name]['variable']]?: string;
};

/**
 * Any setting, by its option name or by its environment name, which counts if both are there. What differs
 * from the service's defaults: a free port of 127.0.0.1, an in-memory database, `BCRYPT_COST` 4, no rate
 * limits, no log.
 */
export interface TestLatchkeyOptions extends LatchkeyOptions, EnvironmentOptions {
  /** Default: one that goes on as the machine's does. `new MovableClock()` stands still. */
  clock?: MovableClock;
  /** Where log lines go, if `LOG_LEVEL` asks for any. Default: standard output. */
  logTo?: DestinationStream;
}

/** A Latchkey in this process: the real application, with controls beside it. */
export interface TestLatchkey extends TestControls {
  /** Where it listens, by the name `localhost`: so its cookies are those of other servers there. */
  readonly baseUrl: string;
  /** The service's clock; give it to the verifier of a resource server in the same test. */
  readonly clock: MovableClock;
  /** The Nest application, for its HTTP server and its services. */
  readonly app: NestFastifyApplication;
  /** The real `latchkey/client` for it, like a browser of its own. Closed with the service. */
  client(options?: TestClientOptions): LatchkeyClient;
  /** Stops it; an in-memory database is gone. A second call waits for the same end. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Latchkey in this process. The application is loaded by the first call, not by the import.
 *
 * @throws ConfigurationError for settings that cannot be used.
 */
export async function createTestLatchkey(options: TestLatchkeyOptions = {}): Promise<TestLatchkey> {
  const { startLatchkey } = await import('./start-latchkey.js');
  return startLatchkey(options);
}
