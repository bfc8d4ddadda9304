import { type DynamicModule, Logger, Module, type Provider } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from './config.js';
import { Clock, SystemClock } from './contract/clock.js';
import { Database } from './database/database.js';
import { openDatabase } from './database/open.js';
import { Sweeper } from './database/sweeper.js';
import { LatchkeyEvents } from './events.js';

/** What every part stands on: configuration, clock, events and the migrated database. */
@Module({})
export class FoundationModule {
  /**
   * @param config providers that make the resolved configuration, under the token `CONFIG`.
   * @param clock the time of everything; the machine's own unless a test brings another.
   */
  static with(
    config: readonly Provider[],
    imports: NonNullable<DynamicModule['imports']> = [],
    clock: Clock = new SystemClock(),
  ): DynamicModule {
    return {
      module: FoundationModule,
      global: true,
      imports,
      providers: [
        ...config,
        { provide: Clock, useValue: clock },
        LatchkeyEvents,
        { provide: Database, useFactory: startDatabase, inject: [CONFIG] },
        Sweeper,
      ],
      exports: [CONFIG, Clock, LatchkeyEvents, Database, Sweeper],
    };
  }

  constructor(private readonly database: Database) {}

  /** Runs after every other module has stopped using it. */
  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}

function startDatabase(config: LatchkeyConfig): Promise<Database> {
  const logger = new Logger('Database');
  return openDatabase(config, {
    onIdleError: (error) => logger.warn(`idle connection lost: ${error.message}`),
    onWaiting: (reason) => logger.warn(`waiting for the database: ${reason}`),
  });
}
