import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type ProblemKind, PROBLEMS } from '../contract/problems.js';
import { Public } from '../http/access.decorators.js';
import { Problem } from '../http/problem.js';
import { escapeHtml, page } from './html.js';

const KINDS: ReadonlyMap<string, ProblemKind> = new Map(Object.entries(PROBLEMS));

/** The pages that the `type` of an error leads to (RFC 9457 §3.1.1). */
@ApiExcludeController()
@Public()
@Controller('problems')
export class ProblemsController {
  @Get(':code')
  @Header('Content-Type', 'text/html; charset=utf-8')
  explain(@Param('code') code: string): string {
    const kind = KINDS.get(code);
    if (kind === undefined) throw new Problem('not_found');
    const body = `<h1><code>${escapeHtml(code)}</code> (${kind.status})</h1>
<p>${escapeHtml(kind.title)}</p>
<p>${escapeHtml(kind.advice)}</p>`;
    return page(code, '', body);
  }
}
