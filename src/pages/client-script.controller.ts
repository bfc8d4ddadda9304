import { readFileSync } from 'node:fs';
import { Controller, Get, Header, Req, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiNotModifiedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '../http/access.decorators.js';
import { etagOf, type PublicDocument, sendPublic } from '../keys/public-document.js';

/** The same place, seen from `src/` and from `dist/`. */
const FILE = new URL('../../dist/client/index.js', import.meta.url);
const TYPE = 'text/javascript; charset=utf-8';

/** Asked again each time: a page must not run another version than the service it talks to. */
const MAX_AGE = 0;

/** `latchkey/client` for pages without a bundler, of any origin. */
@ApiTags('For pages')
@Public()
@Controller()
export class ClientScriptController {
  #script: PublicDocument | undefined;

  constructor(private readonly host: HttpAdapterHost) {}

  @ApiOperation({ summary: 'The browser client, as an ES module' })
  @ApiOkResponse({ content: { 'text/javascript': { schema: { type: 'string' } } } })
  @ApiNotModifiedResponse({ description: 'What `If-None-Match` names is still right.' })
  @Get('client.js')
  @Header('Cross-Origin-Resource-Policy', 'cross-origin')
  script(
    @Req() request: { headers: { 'if-none-match'?: string } },
    @Res() response: unknown,
  ): void {
    this.#script ??= readScript();
    sendPublic(this.host.httpAdapter, request, response, this.#script, MAX_AGE);
  }
}

function readScript(): PublicDocument {
  const text = readFileSync(FILE, 'utf8');
  return { text, etag: etagOf(text), type: TYPE };
}
