import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { type ProblemKind, PROBLEMS } from '../contract/problems.js';
import { Public } from '../http/access.decorators.js';
import { prefersHtml } from '../http/prefers-html.js';
import { Problem } from '../http/problem.js';
import { addVary, PlainPages } from './plain-pages.js';

const KINDS: ReadonlyMap<string, ProblemKind> = new Map(Object.entries(PROBLEMS));

/** What the `type` of an error leads to (RFC 9457 §3.1.1): a page for browsers, JSON for anybody else. */
@ApiExcludeController()
@Public()
@Controller('problems')
export class ProblemsController {
  readonly #pages: PlainPages;

  constructor(@Inject(CONFIG) private readonly config: LatchkeyConfig) {
    this.#pages = new PlainPages(config);
  }

  @Get(':code')
  explain(
    @Param('code') code: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): void {
    addVary(reply, 'Accept');
    const kind = KINDS.get(code);
    const isForBrowser = prefersHtml(request.headers.accept);
    if (kind === undefined) {
      if (!isForBrowser) throw new Problem('not_found');
      this.#pages.send(reply, 404, this.#pages.notFound());
    } else if (isForBrowser) {
      this.#pages.send(reply, 200, this.#pages.problem(code, kind));
    } else {
      const type = `${this.config.publicUrl}/problems/${code}`;
      void reply.send({ type, code, ...kind });
    }
  }
}
