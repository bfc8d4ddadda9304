import { Controller, Get, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../http/access.decorators.js';
import { Readiness } from './readiness.js';

interface Health {
  status: 'ok' | 'unavailable';
  reasons?: string[];
}

/** Probes for orchestrators and load balancers. */
@ApiTags('operation')
@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  @ApiOkResponse()
  live(): Health {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Requests may be sent here' })
  @ApiOkResponse()
  @ApiResponse({ status: 503, description: 'Not now; `reasons` says why.' })
  async ready(@Res({ passthrough: true }) response: unknown): Promise<Health> {
    const reasons = await this.readiness.obstacles();
    if (reasons.length === 0) return { status: 'ok' };
    this.adapterHost.httpAdapter.status(response, 503);
    return { status: 'unavailable', reasons };
  }
}
