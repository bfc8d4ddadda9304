import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Metrics } from './metrics.js';
import { isOwnHost } from './own-host.js';
import { pathOf } from './route-table.js';

/**
 * `/metrics` on a port of its own, for whoever can reach that port. It asks for no token; a request that names a foreign
 * `Host` is refused, so that no web page reads them through the browser of somebody here (DNS rebinding).
 */
@Injectable()
export class MetricsServer implements OnApplicationShutdown {
  readonly #logger = new Logger('MetricsServer');
  #server: Server | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly metrics: Metrics,
  ) {}

  /** Does nothing without `METRICS_PORT`. */
  async listen(): Promise<void> {
    const { metricsPort, metricsHost } = this.config;
    if (metricsPort === undefined) return;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(metricsPort, metricsHost);
    await once(this.#server, 'listening');
    this.#logger.debug(`metrics on port ${(this.#server.address() as AddressInfo).port}`);
  }

  onApplicationShutdown(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isOwnHost(request.headers.host, this.config)) {
      response.writeHead(421, { 'Content-Length': 0 }).end();
      return;
    }
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads || pathOf(request.url ?? '') !== '/metrics') {
      response.writeHead(404, { 'Content-Length': 0 }).end();
      return;
    }
    try {
      const text = await this.metrics.text();
      response.writeHead(200, { 'Content-Type': this.metrics.contentType }).end(text);
    } catch (error) {
      this.#logger.error(
        'metrics cannot be read',
        error instanceof Error ? error.stack : undefined,
      );
      response.writeHead(500, { 'Content-Length': 0 }).end();
    }
  }
}
