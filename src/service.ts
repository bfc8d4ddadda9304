import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { AppModule } from './app.module.js';
import type { LatchkeyConfig } from './config.js';
import type { Clock } from './contract/clock.js';
import { ProblemFilter } from './http/problem.filter.js';
import { installEdge } from './operations/edge.js';
import { edgeOptions } from './operations/edge-options.js';
import { createLogger, NestLogger } from './operations/logger.js';
import { Metrics } from './operations/metrics.js';
import { MetricsServer } from './operations/metrics-server.js';
import { OpenApi } from './operations/open-api.js';
import { installRequestLog } from './operations/request-log.js';
import { Shutdown } from './operations/shutdown.js';

/** What a caller may bring instead of the usual. */
export interface ServiceOverrides {
  /** The time of everything. Default: the machine's clock. */
  clock?: Clock;
  /** Default: JSON lines on standard output by `LOG_LEVEL`; `false`: none. */
  logger?: Logger | false;
  /** Adds hooks behind the edge's own and before every route. */
  configure?: (instance: FastifyInstance) => void;
}

/** Milliseconds that running requests have to finish at shutdown. */
const FINISH_WAIT = 10_000;

/**
 * The standalone service, ready but not listening. `close()` ends it.
 *
 * @throws DatabaseAwayError when the database does not come within `DATABASE_WAIT`.
 * @throws ConfigurationError for what shows only now, such as an unreadable key file.
 */
export async function createService(
  config: LatchkeyConfig,
  overrides: ServiceOverrides = {},
): Promise<NestFastifyApplication> {
  const logger = loggerFor(config, overrides);
  const adapter = new FastifyAdapter(edgeOptions(config));
  const instance = adapter.getInstance();
  installEdge(instance, config);
  overrides.configure?.(instance);
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forConfig(config, overrides.clock),
    adapter,
    { bodyParser: false, logger: new NestLogger(logger), abortOnError: false },
  );
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  app.get(OpenApi, { strict: false }).describe(app);
  installRequestLog(instance, logger, app.get(Metrics, { strict: false }));
  const shutdown = app.get(Shutdown, { strict: false });
  instance.addHook('onSend', (_request, reply, _payload, done) => {
    if (shutdown.begun) reply.header('Connection', 'close');
    done();
  });
  await ready(app);
  return app;
}

async function ready(app: NestFastifyApplication): Promise<void> {
  try {
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

function loggerFor(config: LatchkeyConfig, { logger }: ServiceOverrides): Logger {
  if (logger === false) return pino({ level: 'silent' });
  return logger ?? createLogger(config);
}

/** A service that listens. */
export interface RunningService {
  readonly app: NestFastifyApplication;
  /** Where it listens, as a browser on this machine would call it. */
  readonly url: string;
  /**
   * Readiness goes at once, the listener stays for `SHUTDOWN_DELAY`, then running requests have 10 s to
   * finish. A second call waits for the same end.
   */
  stop(): Promise<void>;
}

/**
 * Starts the standalone service and says in one line where it listens. SIGTERM and SIGINT stop it and end
 * the process with 0; a second signal ends it at once.
 */
export async function startService(
  config: LatchkeyConfig,
  overrides: ServiceOverrides = {},
): Promise<RunningService> {
  const logger = loggerFor(config, overrides);
  const app = await createService(config, { ...overrides, logger });
  await listen(app, config);
  const url = addressOf(app, config);
  announce(logger, url);
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopService(app, config, logger).finally(() => disobey()));
  const disobey = obeySignals(stop, logger);
  return { app, url, stop };
}

async function listen(app: NestFastifyApplication, config: LatchkeyConfig): Promise<void> {
  try {
    await app.get(MetricsServer, { strict: false }).listen();
    await app.listen(config.port, config.host);
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

function addressOf(app: NestFastifyApplication, { host, port }: LatchkeyConfig): string {
  const address = app.getHttpServer().address();
  const realPort = typeof address === 'object' && address !== null ? address.port : port;
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${everywhere ? 'localhost' : name}:${realPort}`;
}

/** The line is asked for at any level but `silent`. */
function announce(logger: Logger, url: string): void {
  const line = `Latchkey listens on ${url}`;
  if (logger.isLevelEnabled('info')) logger.info(line);
  else if (logger.level !== 'silent') process.stdout.write(`${line}\n`);
}

async function stopService(
  app: NestFastifyApplication,
  config: LatchkeyConfig,
  logger: Logger,
): Promise<void> {
  app.get(Shutdown, { strict: false }).begin();
  logger.info('Latchkey stops: it is no longer ready, and finishes what is running');
  await sleep(config.shutdownDelay * 1000);
  const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), FINISH_WAIT);
  await app.close();
  clearTimeout(cut);
  logger.info('Latchkey has stopped');
}

/** @returns what takes the handlers away again. */
function obeySignals(stop: () => Promise<void>, logger: Logger): () => void {
  let asked = false;
  const obey = (signal: NodeJS.Signals) => {
    if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
    asked = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'the shutdown failed');
        process.exit(1);
      },
    );
  };
  const signals = ['SIGTERM', 'SIGINT'] as const;
  for (const signal of signals) process.on(signal, obey);
  return () => signals.forEach((signal) => process.off(signal, obey));
}
