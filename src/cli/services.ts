import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type DynamicModule,
  type INestApplicationContext,
  type LoggerService,
  Module,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CONFIG, type LatchkeyConfig, readEnvironment } from '../config.js';
import { FoundationModule } from '../foundation.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { ClientsModule } from '../oauth/clients.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { tell } from './terminal.js';

/** The parts of the service that commands use, without HTTP. */
@Module({})
class CliModule {
  static with(config: LatchkeyConfig): DynamicModule {
    return {
      module: CliModule,
      imports: [
        FoundationModule.with([{ provide: CONFIG, useValue: config }]),
        ClientsModule,
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
  const config = readEnvironment();
  const note = noteAboutNewFile(config);
  const services = await NestFactory.createApplicationContext(CliModule.with(config), {
    logger: WARNINGS,
    abortOnError: false,
  });
  if (note !== undefined) tell(note);
  try {
    return await work(services);
  } finally {
    await services.close();
  }
}

/** Whoever calls from another folder than the service's gets another file, and should know. */
export function noteAboutNewFile({ databaseUrl }: LatchkeyConfig): string | undefined {
  if (databaseUrl.kind !== 'sqlite' || existsSync(databaseUrl.file)) return undefined;
  return `Made a new database: ${resolve(databaseUrl.file)}`;
}
