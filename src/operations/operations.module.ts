import { Inject, Module } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { KeysModule } from '../keys/keys.module.js';
import { MetadataAdditions } from '../keys/metadata.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { DocsController } from './docs.controller.js';
import { HealthController } from './health.controller.js';
import { Metrics } from './metrics.js';
import { MetricsServer } from './metrics-server.js';
import { OpenApi } from './open-api.js';
import { ProblemsController } from './problems.controller.js';
import { Readiness } from './readiness.js';
import { Shutdown } from './shutdown.js';

/** What operators need of the standalone service: health, metrics, documentation, shutdown. */
@Module({
  imports: [KeysModule, PasswordsModule, SessionsModule],
  controllers: [DocsController, HealthController, ProblemsController],
  providers: [Metrics, MetricsServer, OpenApi, Readiness, Shutdown],
})
export class OperationsModule {
  constructor(additions: MetadataAdditions, @Inject(CONFIG) { publicUrl }: LatchkeyConfig) {
    additions.add({ service_documentation: `${publicUrl}/docs` });
  }
}
