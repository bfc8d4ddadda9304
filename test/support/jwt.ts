import { createHmac } from 'node:crypto';

export type Json = Record<string, unknown>;

/** The parts of a compact JWT, unchecked. */
export function decoded(token: string): { header: Json; payload: Json } {
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  return { header: JSON.parse(`${header}`) as Json, payload: JSON.parse(`${payload}`) as Json };
}

export function base64url(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

/** A compact JWT signed with HMAC SHA-256. */
export function signedHs256(header: unknown, payload: unknown, key: string | Buffer): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** The same token with one character of its signature changed. */
export function withBrokenSignature(token: string): string {
  const at = token.lastIndexOf('.') + 5;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}
