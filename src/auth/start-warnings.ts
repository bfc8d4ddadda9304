import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { exposedFiles, unwiseSettings } from '../setting-warnings.js';
import { servedPath } from './served-path.js';

const JWKS = '/.well-known/jwks.json';

/** Says once, at the start of a service or a host, what works and should not stay as it is. */
@Injectable()
export class StartWarnings implements OnApplicationBootstrap {
  readonly #logger = new Logger('Configuration');

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  onApplicationBootstrap(): void {
    const warnings = [...unwiseSettings(this.config), ...exposedFiles(this.config)];
    for (const warning of [...warnings, ...this.#misplaced()]) this.#logger.warn(warning);
  }

  /** A proxy in front may add a path; one that the application itself adds must be in the public URL. */
  #misplaced(): string[] {
    // Without a server, as in a command, nothing is served.
    const instance: unknown = this.adapterHost.httpAdapter?.getInstance();
    const served = servedPath(instance, JWKS);
    if (served === undefined) return [];
    const { publicUrl } = this.config;
    const { origin, pathname } = new URL(publicUrl);
    const prefix = served.slice(0, -JWKS.length);
    if (`${pathname}/`.replace('//', '/').endsWith(`${prefix}/`)) return [];
    return [
      `the public URL is ${publicUrl}, so that others look for the keys at ${publicUrl}${JWKS}; this application serves them at ${origin}${served}: add its prefix to the public URL`,
    ];
  }
}
