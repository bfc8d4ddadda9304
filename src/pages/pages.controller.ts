import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../http/access.decorators.js';
import { Cookies } from '../http/cookies.js';
import { Problem } from '../http/problem.js';
import { isFresh } from '../keys/public-document.js';
import { type PageFile, PageFiles } from './page-files.js';

/** Asked for again at every visit, which costs a 304 as long as nothing has changed. */
const PAGE_CACHING = 'no-cache';
/** The name changes with the content (RFC 8246). */
const ASSET_CACHING = 'public, max-age=31536000, immutable';
const NO_DEVICES =
  'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()';

/** The pages that people sign in with. Only names that were there at the start are answered. */
@ApiExcludeController()
@Public()
@Controller()
export class PagesController {
  constructor(
    private readonly files: PageFiles,
    private readonly cookies: Cookies,
  ) {}

  @Get()
  page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const page = this.#lacksSession(request) ? this.files.pageWithoutSession : this.files.page;
    void reply.headers({
      'Cache-Control': PAGE_CACHING,
      ETag: page.etag,
      Vary: varying(reply, 'Cookie', 'Sec-Fetch-Site'),
      'Permissions-Policy': NO_DEVICES,
    });
    if (isFresh(request.headers['if-none-match'], page.etag)) void reply.code(304).send();
    else send(request, reply, page);
  }

  /** A visit from another site comes without the `SameSite` cookie that the script's own request will bring. */
  #lacksSession(request: FastifyRequest): boolean {
    const site = request.headers['sec-fetch-site'];
    const isOwn = site === 'same-origin' || site === 'none';
    return isOwn && this.cookies.read(request, 'refresh') === undefined;
  }

  @Get('assets/:file')
  asset(
    @Param('file') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): void {
    const file = this.files.asset(name);
    if (file === undefined) throw new Problem('not_found');
    void reply.header('Cache-Control', ASSET_CACHING);
    send(request, reply, file);
  }
}

function send(request: FastifyRequest, reply: FastifyReply, file: PageFile): void {
  void reply.headers({ 'Content-Type': file.type, Vary: varying(reply, 'Accept-Encoding') });
  if (takesGzip(request.headers['accept-encoding'])) {
    void reply.header('Content-Encoding', 'gzip').send(file.gzip);
  } else {
    void reply.send(file.plain);
  }
}

function varying(reply: FastifyReply, ...further: string[]): string {
  const names = String(reply.getHeader('Vary') ?? '')
    .split(', ')
    .filter(Boolean);
  return [...new Set([...names, 'Accept-Encoding', ...further])].join(', ');
}

/** RFC 9110 §12.5.3; `*` and `x-gzip` are left aside, which costs a few bytes and no correctness. */
function takesGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim().toLowerCase()))
    .some(([name, weight]) => name === 'gzip' && !/^q=0(\.0*)?$/.test(weight ?? ''));
}
