import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import type { ProblemKind } from '../contract/problems.js';
import { escapeHtml, page } from './html.js';
import { securityHeaders } from './security-headers.js';

/** Whole in each document, so that it does not matter how deep the path is. */
const CSS = `:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:Canvas;color:CanvasText;font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{display:grid;align-content:center;gap:1rem;max-width:34rem;min-height:100vh;margin:0 auto;padding:2rem 1.25rem;overflow-wrap:anywhere}
h1,p{margin:0}
h1{font-size:1.75rem;line-height:1.25}
code{font-family:ui-monospace,Menlo,Consolas,monospace}
`;
const STYLE_HASH = createHash('sha256').update(CSS).digest('base64');

/** Pages without scripts or files, for a browser that comes where no page for people is. */
export class PlainPages {
  constructor(private readonly config: Pick<LatchkeyConfig, 'pages' | 'pagesName' | 'publicUrl'>) {}

  /** For a path that is unknown. */
  notFound(): string {
    return this.#page('There is no such page', '<p>Check the address.</p>');
  }

  /** What an error code means and what to do about it. */
  problem(code: string, { title, status, advice }: ProblemKind): string {
    return this.#page(
      title,
      `<p><code>${escapeHtml(code)}</code>, HTTP status ${status}</p>\n<p>${escapeHtml(advice)}</p>`,
    );
  }

  /** Sends one of these pages. */
  send(reply: FastifyReply, status: number, html: string): void {
    const { publicUrl } = this.config;
    const policy = String(securityHeaders(publicUrl)['content-security-policy']);
    void reply
      .code(status)
      .headers({
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': policy.replace(
          "style-src 'self'",
          `style-src 'sha256-${STYLE_HASH}'`,
        ),
      })
      .send(html);
  }

  #page(title: string, body: string): string {
    const { pages, pagesName, publicUrl } = this.config;
    const name = escapeHtml(pagesName);
    const home = `<p><a href="${escapeHtml(publicUrl)}/">Go to ${name}</a></p>`;
    const main = `<main>\n<p>${name}</p>\n<h1>${escapeHtml(title)}</h1>\n${body}\n${pages === 'on' ? home : ''}\n</main>`;
    return page(`${title} · ${pagesName}`, `<style>${CSS}</style>`, main);
  }
}

/** Says that an answer depends on request headers, beside what it said before. */
export function addVary(reply: FastifyReply, ...further: string[]): void {
  const names = String(reply.getHeader('Vary') ?? '')
    .split(', ')
    .filter(Boolean);
  void reply.header('Vary', [...new Set([...names, ...further])].join(', '));
}
