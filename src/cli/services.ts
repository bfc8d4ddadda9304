import {
  type DynamicModule,
  type INestApplicationContext,
  type LoggerService,
  Module,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CONFIG, readEnvironment } from '../config.js';
import { FoundationModule } from '../foundation.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { tell } from './terminal.js';

/** The parts of the service that commands use, without HTTP. */
@Module({})
class CliModule {
  static fromEnvironment(): DynamicModule {
    const config = { provide: CONFIG, useValue: readEnvironment() };
    return {
      module: CliModule,
      imports: [
        FoundationModule.with([config]),
        KeysModule,
        PasswordsModule,
        SessionsModule,
        UsersModule,
      ],
    };
  }
}

/** Warnings for the operator, on standard error; errors come back as exceptions and are told there. */
const WARNINGS: LoggerService = {
  log: () => undefined,
  error: () => undefined,
  warn: (message: unknown) => tell(`Warning: ${String(message)}`),
};

/**
 * Runs a command on the services over the database of the configuration, which is brought up to date
 * first, and lets go of everything afterwards.
 *
 * @throws ConfigurationError, DatabaseAwayError, and whatever the command throws.
 */
export async function withServices<Result>(
  work: (services: INestApplicationContext) => Promise<Result>,
): Promise<Result> {
  const services = await NestFactory.createApplicationContext(CliModule.fromEnvironment(), {
    logger: WARNINGS,
    abortOnError: false,
  });
  try {
    return await work(services);
  } finally {
    await services.close();
  }
}
