import type { IncomingMessage } from 'node:http';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Public } from '../http/access.decorators.js';
import { Problem } from '../http/problem.js';
import { Metrics } from './metrics.js';

/** What a proxy adds: with one of these a loopback peer speaks for somebody else. */
const FORWARDING = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];
const LOOPBACK = /^(::ffff:)?127\.|^::1$/i;

/** `/metrics` on `PORT`, for scrapers on this very machine. With `METRICS_PORT` set there is nothing here. */
@ApiTags('operation')
@Public()
@Controller('metrics')
export class MetricsController {
  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly metrics: Metrics,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Prometheus metrics, for loopback peers only' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async read(
    @Req() request: Pick<IncomingMessage, 'headers' | 'socket'>,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<string> {
    const mayRead = this.config.metricsPort === undefined && isLocal(request);
    if (!mayRead) throw new Problem('not_found');
    const text = await this.metrics.text();
    this.adapterHost.httpAdapter.setHeader(response, 'Content-Type', this.metrics.contentType);
    return text;
  }
}

/** Judged by the socket's address, which no header can change. */
function isLocal({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): boolean {
  return (
    LOOPBACK.test(socket.remoteAddress ?? '') &&
    FORWARDING.every((name) => headers[name] === undefined)
  );
}
