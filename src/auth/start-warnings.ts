import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { exposedFiles, unwiseSettings } from '../setting-warnings.js';

/** Says once, at the start of a service or a host, what works and should not stay as it is. */
@Injectable()
export class StartWarnings implements OnApplicationBootstrap {
  readonly #logger = new Logger('Configuration');

  constructor(@Inject(CONFIG) private readonly config: LatchkeyConfig) {}

  onApplicationBootstrap(): void {
    const warnings = [...unwiseSettings(this.config), ...exposedFiles(this.config)];
    for (const warning of warnings) this.#logger.warn(warning);
  }
}
