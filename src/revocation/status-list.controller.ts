import { Get, Param, Req, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiNotModifiedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { STATUS_LIST_MEDIA_TYPE } from '../contract/status-list.js';
import { Public } from '../http/access.decorators.js';
import { ApiProblems } from '../http/api-problems.js';
import { Problem } from '../http/problem.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { LatchkeyController } from '../http/latchkey-controller.js';
import { sendPublic } from '../keys/public-document.js';
import { StatusLists } from './status-lists.js';

/** How long caches on the way may keep a list (seconds): what they add to the age of what readers see. */
const MAX_AGE = 1;
const NUMBER = /^(0|[1-9][0-9]{0,9})$/;

/** Tells other services which sessions have ended. Answers from memory while the database is away. */
@ApiTags('For other services')
@Public()
@LatchkeyController('.well-known/status-lists')
@UseFilters(ProblemFilter)
export class StatusListController {
  constructor(
    private readonly lists: StatusLists,
    private readonly host: HttpAdapterHost,
  ) {}

  @ApiOperation({ summary: 'One list of ended sessions (draft-ietf-oauth-status-list)' })
  @ApiParam({ name: 'number', description: 'As the `status` claim of an access token names it.' })
  @ApiOkResponse({
    description: 'The list as a signed token; may be cached for 1 s.',
    content: { [STATUS_LIST_MEDIA_TYPE]: { schema: { type: 'string' } } },
  })
  @ApiNotModifiedResponse({ description: 'What `If-None-Match` names is still right.' })
  @ApiProblems('not_found', 'storage_unavailable')
  @Get(':number')
  async list(
    @Param('number') number: string,
    @Req() request: { headers: { 'if-none-match'?: string } },
    @Res() response: unknown,
  ): Promise<void> {
    const document = NUMBER.test(number) ? await this.lists.find(Number(number)) : undefined;
    if (document === undefined) throw new Problem('not_found');
    sendPublic(this.host.httpAdapter, request, response, document, MAX_AGE);
  }
}
