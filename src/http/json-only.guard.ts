import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { isMediaType } from './media-type.js';
import { Problem } from './problem.js';

/** Whether a `Content-Type` header says JSON in UTF-8 (RFC 8259 §8.1), the only body that JSON routes take. */
export function isJson(contentType: string | undefined): boolean {
  return isMediaType(contentType, 'application/json');
}

/** Whether a request brings a body (RFC 9112 §6). */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Refuses bodies other than JSON. A host application may parse forms for routes of its own; on ours they
 * would let another site's page post without asking first.
 */
@Injectable()
export class JsonOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: IncomingHttpHeaders }>();
    if (!hasBody(headers) || isJson(headers['content-type'])) return true;
    throw new Problem('unsupported_media_type');
  }
}
