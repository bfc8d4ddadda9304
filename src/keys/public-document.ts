import { createHash } from 'node:crypto';
import type { AbstractHttpAdapter } from '@nestjs/core';

/** A JSON document that anybody may fetch and keep for a while. */
export interface PublicDocument {
  text: string;
  /** Strong validator (RFC 9110 §8.8.3). */
  etag: string;
}

export function publicDocument(value: object): PublicDocument {
  const text = JSON.stringify(value);
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
}

/** Whether `If-None-Match` lists the validator (RFC 9110 §13.1.2: the comparison is weak). */
export function isFresh(ifNoneMatch: string | string[] | undefined, etag: string): boolean {
  const listed = String(ifNoneMatch ?? '').split(',');
  return listed.some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')));
}

/** Answers with the document or 304, on Express and on Fastify. Any origin may read it. */
export function sendPublic(
  adapter: AbstractHttpAdapter,
  request: { headers: { 'if-none-match'?: string } },
  response: unknown,
  { text, etag }: PublicDocument,
  maxAge: number,
): void {
  adapter.setHeader(response, 'Cache-Control', `public, max-age=${maxAge}`);
  adapter.setHeader(response, 'ETag', etag);
  adapter.setHeader(response, 'Access-Control-Allow-Origin', '*');
  if (isFresh(request.headers['if-none-match'], etag)) {
    adapter.reply(response, undefined, 304);
    return;
  }
  adapter.setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
  adapter.reply(response, text, 200);
}
