import { createHash } from 'node:crypto';
import type { AbstractHttpAdapter } from '@nestjs/core';

/** A document that anybody may fetch and keep for a while. */
export interface PublicDocument {
  text: string;
  /** Validator (RFC 9110 §8.8.3); with `W/` in front of a weak one. */
  etag: string;
  /** Media type. */
  type: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** A JSON document. */
export function publicDocument(value: object): PublicDocument {
  const text = JSON.stringify(value);
  return { text, etag: etagOf(text), type: JSON_TYPE };
}

/** A validator of this text. */
export function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}

/** Whether `If-None-Match` lists the validator (RFC 9110 §13.1.2: the comparison is weak). */
export function isFresh(ifNoneMatch: string | string[] | undefined, etag: string): boolean {
  const listed = String(ifNoneMatch ?? '').split(',');
  return listed.some((one) => ['*', withoutWeak(etag)].includes(withoutWeak(one.trim())));
}

/** Answers with the document or 304, on Express and on Fastify. Any origin may read it. */
export function sendPublic(
  adapter: AbstractHttpAdapter,
  request: { headers: { 'if-none-match'?: string } },
  response: unknown,
  { text, etag, type }: PublicDocument,
  maxAge: number,
): void {
  adapter.setHeader(response, 'Cache-Control', `public, max-age=${maxAge}`);
  adapter.setHeader(response, 'ETag', etag);
  adapter.setHeader(response, 'Access-Control-Allow-Origin', '*');
  if (isFresh(request.headers['if-none-match'], etag)) {
    adapter.reply(response, undefined, 304);
    return;
  }
  adapter.setHeader(response, 'Content-Type', type);
  adapter.reply(response, text, 200);
}

function withoutWeak(etag: string): string {
  return etag.replace(/^W\//, '');
}
