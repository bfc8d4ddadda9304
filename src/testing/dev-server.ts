import { pino } from 'pino';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { SETTINGS } from '../settings.js';
import { startControlServer } from './control-server.js';
import { createTestLatchkey } from './create-test-latchkey.js';

export interface DevServerOptions {
  /** Of the service; 0: a free one. */
  port: number;
  /** 0: a free one. */
  controlPort: number;
  /** Default: a new one. */
  controlToken?: string | undefined;
  /** Settings of the service; its log goes to standard error. `PORT` and `DATABASE_URL` do not count. */
  environment: NodeJS.ProcessEnv;
}

export interface RunningDevServer {
  readonly baseUrl: string;
  readonly controlUrl: string;
  readonly controlToken: string;
  close(): Promise<void>;
}

/**
 * A Latchkey in memory with its control port open. Does not look at `NODE_ENV`: the command line does.
 *
 * @throws ConfigurationError for settings that cannot be used.
 */
export async function startDevServer(options: DevServerOptions): Promise<RunningDevServer> {
  const { port, controlPort, controlToken, environment } = options;
  const latchkey = await createTestLatchkey({
    LOG_LEVEL: 'warn',
    ...settingsOf(environment),
    ...(port === 0 ? {} : { PORT: String(port) }),
    logTo: pino.destination({ fd: 2, sync: true }),
  });
  try {
    const config = latchkey.app.get<LatchkeyConfig>(CONFIG, { strict: false });
    const { close, ...address } = await startControlServer(latchkey, config, {
      port: controlPort,
      token: controlToken,
    });
    return {
      baseUrl: latchkey.baseUrl,
      ...address,
      close: async () => void (await Promise.all([close(), latchkey.close()])),
    };
  } catch (error) {
    await latchkey.close();
    throw error;
  }
}

/** It has a database of its own, and mints tokens for whoever asks: never with the keys of a real service. */
const NOT_TAKEN = [
  'PORT',
  'DATABASE_URL',
  'SIGNING_KEY_FILE',
  'ACCESS_TOKEN_SECRET',
  'REFRESH_TOKEN_SECRET',
];

function settingsOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const { variable } of Object.values(SETTINGS)) {
    const text = environment[variable];
    if (text !== undefined && text.trim() !== '') settings[variable] = text;
  }
  for (const name of NOT_TAKEN) delete settings[name];
  return settings;
}
