import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { parseCookie, stringifySetCookie } from 'cookie';
import { CONFIG, type LatchkeyConfig } from '../config.js';

/** What browsers keep of a cookie's name and value together (RFC 6265bis §5.7). */
const MAX_COOKIE_BYTES = 4096;

export type CookieKind = 'refresh' | 'access';

/**
 * The cookies that carry tokens: HttpOnly, for the whole host and it alone (`__Host-`, RFC 6265bis §4.1.3).
 * Works on Express and on Fastify. Does not judge who sent a cookie: `CrossSiteCheck` does.
 */
@Injectable()
export class Cookies {
  readonly #logger = new Logger('Cookies');

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** Such as `__Host-latchkey-refresh`, begun by `COOKIE_PREFIX`; without `__Host-` if `COOKIE_SECURE=false`. */
  name(kind: CookieKind): string {
    return `${this.config.cookieSecure ? '__Host-' : ''}${this.config.cookiePrefix}-${kind}`;
  }

  /** @returns undefined for a cookie that is missing, empty or garbled. */
  read(request: object, kind: CookieKind): string | undefined {
    const header = (request as { headers: IncomingHttpHeaders }).headers.cookie;
    if (header === undefined) return undefined;
    const value = parseCookie(header)[this.name(kind)];
    return value === '' ? undefined : value;
  }

  /** @param maxAge seconds. */
  setRefresh(response: unknown, token: string, maxAge: number): void {
    this.#set(response, 'refresh', token, maxAge);
  }

  /**
   * A cookie that browsers would drop without a word is not set: `Access-Cookie: too-large` says so, and the log does.
   *
   * @param maxAge seconds.
   */
  setAccess(response: unknown, token: string, maxAge: number): void {
    const size = Buffer.byteLength(this.name('access')) + Buffer.byteLength(token);
    if (size <= MAX_COOKIE_BYTES) {
      this.#set(response, 'access', token, maxAge);
      return;
    }
    this.adapterHost.httpAdapter.setHeader(response, 'Access-Cookie', 'too-large');
    this.#logger.warn(
      `an access token is too large for its cookie (${size} of ${MAX_COOKIE_BYTES} bytes): give its roles fewer scopes, or leave claims out`,
    );
  }

  /** Makes the browser forget the tokens. */
  clear(response: unknown): void {
    this.#set(response, 'refresh', '', 0);
    if (this.config.accessTokenCookie) this.#set(response, 'access', '', 0);
  }

  #set(response: unknown, kind: CookieKind, value: string, maxAge: number): void {
    const cookie = stringifySetCookie(this.name(kind), value, {
      path: '/',
      secure: this.config.cookieSecure,
      httpOnly: true,
      sameSite: this.config.cookieSameSite,
      maxAge,
    });
    this.adapterHost.httpAdapter.appendHeader(response, 'Set-Cookie', cookie);
  }
}
