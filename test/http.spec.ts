import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  type INestApplication,
  Module,
  Patch,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { IsInt, IsOptional } from 'class-validator';
import { CONFIG, resolveOptions } from '../src/config.js';
import { Cookies } from '../src/http/cookies.js';
import { CrossSiteCheck } from '../src/http/cross-site.js';
import { emailKey, isEmail, normalEmail } from '../src/http/email.js';
import { IsEmailField, IsNameField, IsRoleList } from '../src/http/fields.js';
import { Problem } from '../src/http/problem.js';
import { ProblemFilter } from '../src/http/problem.filter.js';
import { RequestContexts } from '../src/http/request-context.js';
import { TrustedProxies } from '../src/http/trusted-proxies.js';
import { readStrictBody, StrictBody, StrictQuery } from '../src/http/strict-body.js';
import { requestedHeaders } from '../src/operations/requested-headers.js';
import { RouteTable } from '../src/operations/route-table.js';

const KELVIN = '\u212a';

describe('e-mail addresses', () => {
  it.each([
    'ada@example.com',
    ' ada@example.com\n',
    "o'hara+tag@sub.example.co.uk",
    'a@müller.example',
    'a@MÜLLER.example',
    'a@xn--mller-kva.example',
    'a@straße.example',
    `${'a'.repeat(64)}@example.com`,
  ])('accepts %j', (email) => expect(isEmail(email)).toBe(true));

  it.each([
    '',
    'ada',
    'ada@',
    '@example.com',
    'ada@localhost',
    'a b@example.com',
    'a..b@example.com',
    '.a@example.com',
    '"a b"@example.com',
    'ä@example.com',
    `ada@${KELVIN}.example`,
    `a@bar${KELVIN}.com`,
    'a@exam\u200bple.com',
    '\u200ba@example.com',
    'a@ｅxample.com',
    'a@example。com',
    'a@1.2.3.4',
    'a@-x.com',
    'a@x_y.com',
    'a@example..com',
    'a@example.com.',
    'a@exam%70le.com',
    'a@xn--zz--.example',
    `${'a'.repeat(65)}@example.com`,
    `a@${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.com`,
  ])('refuses %j', (email) => expect(isEmail(email)).toBe(false));

  it('compares without case, the domain in ASCII', () => {
    expect(normalEmail('\t Ada@Example.COM ')).toBe('Ada@Example.COM');
    expect(emailKey(' Ada@Example.COM ')).toBe('ada@example.com');
    expect(emailKey('a@müller.example')).toBe(emailKey('A@XN--mller-kva.example'));
    expect(emailKey(`${KELVIN}@example.com`)).not.toBe(emailKey('k@example.com'));
  });
});

class ThingDto {
  @IsEmailField()
  email!: string;

  @IsOptional()
  @IsNameField()
  name?: string | null;

  @IsOptional()
  @IsRoleList()
  roles?: string[];
}

class QueryDto {
  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  limit?: number;
}

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function pointers(body: unknown): string[] {
  const { errors = [] } = problemOf(() => readStrictBody(ThingDto, body)).extra;
  return errors.map(({ pointer }) => pointer);
}

describe('strict bodies', () => {
  it('keeps what was sent, and nothing that was not', () => {
    const dto = readStrictBody(ThingDto, { email: 'a@b.example', name: null });
    expect(dto).toBeInstanceOf(ThingDto);
    expect(Object.keys(dto).sort()).toEqual(['email', 'name']);
  });

  it.each([
    [JSON.parse('{"email":"a@b.example","__proto__":{}}') as unknown, ['/__proto__']],
    [{ email: 'a@b.example', constructor: 1, 'a/b~': 2 }, ['/constructor', '/a~1b~0']],
    [{ email: 3, name: '', roles: ['user', 'user'] }, ['/email', '/name', '/roles']],
    [undefined, ['/email']],
  ])('names the members at fault in %j', (body, expected) => {
    expect(pointers(body)).toEqual(expected);
  });

  it.each([
    null,
    [],
    'text',
    { email: 'a\0' },
    { email: '\ud800' },
    { 'a\udfff': 1 },
    { email: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) as unknown },
  ])('cannot read %j', (body) => {
    expect(problemOf(() => readStrictBody(ThingDto, body)).code).toBe('malformed_request');
  });

  it('never repeats a value', () => {
    const { extra } = problemOf(() => readStrictBody(ThingDto, { email: 'hush', roles: ['Hush'] }));
    expect(JSON.stringify(extra.errors)).not.toMatch(/hush/i);
  });
});

describe('the cross-site check', () => {
  const check = new CrossSiteCheck(
    resolveOptions({
      publicUrl: 'https://id.example.com/auth',
      corsOrigins: ['https://app.example.com'],
    }),
  );

  it.each([
    [{}, true],
    [{ origin: 'https://id.example.com' }, true],
    [{ origin: 'https://app.example.com' }, true],
    [{ origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }, true],
    [{ origin: 'https://app.example.com.evil.example' }, false],
    [{ origin: 'http://id.example.com' }, false],
    [{ origin: 'https://APP.example.com' }, false],
    [{ origin: 'null' }, false],
    [{ origin: '' }, false],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
  ])('%j passes: %s', (headers, passes) => {
    if (passes) check.assert({ headers });
    else expect(problemOf(() => check.assert({ headers })).code).toBe('cross_site_request');
  });
});

describe('where a request came from', () => {
  const socket = { remoteAddress: '::ffff:127.0.0.1' };
  const requests = (...trustProxy: string[]) =>
    new RequestContexts(new TrustedProxies({ trustProxy }));

  it.each([
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:0a00:1', '10.0.0.1'],
    ['64:ff9b::10.0.0.1', '10.0.0.1'],
    ['64:ff9b::a00:1', '10.0.0.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['203.0.113.7:51234', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['unknown', null],
    ['_hidden', null],
    ['', null],
    ['0x7f.1', null],
    ['203.0.113.7:port', null],
    ['[2001:db8::1', '2001:db8::1'],
    [undefined, '127.0.0.1'],
  ])('%s is %s', (ip, expected) => {
    expect(requests().of({ headers: {}, ip, socket }).ip).toBe(expected);
  });

  it.each(['127.0.0.1', '127.0.0.0/8', '::ffff:127.0.0.1', '::ffff:127.0.0.0/104'])(
    'is nobody if a proxy of %s forwards for itself',
    (trusted) => {
      const headers = { 'x-forwarded-for': '127.0.0.1' };
      expect(requests(trusted).of({ headers, ip: '127.0.0.1', socket }).ip).toBeNull();
      expect(requests(trusted).of({ headers: {}, ip: '127.0.0.1', socket }).ip).toBe('127.0.0.1');
      expect(requests('10.0.0.0/8').of({ headers, ip: '127.0.0.1', socket }).ip).toBe('127.0.0.1');
    },
  );

  it('cuts the user agent and cleans it', () => {
    const headers = { 'user-agent': `a\u0007\u0085${'b'.repeat(300)}` };
    expect(requests().of({ headers }).userAgent).toBe(`a${'b'.repeat(254)}`);
  });
});

describe('the headers that a preflight asks for', () => {
  it.each([
    ['traceparent, Sentry-Trace,baggage', ['traceparent', 'sentry-trace', 'baggage']],
    ['cookie, host, origin, sec-fetch-site, proxy-authorization, x-a', ['x-a']],
    ['x-forwarded-for, x-forwarded-method, x-http-method-override', []],
    ['a b, <c>, ü, , x-a, x-a', ['x-a']],
    [undefined, []],
  ])('of %s are %j', (header, expected) => {
    expect(requestedHeaders(header)).toEqual(expected);
  });

  it('are bounded', () => {
    expect(requestedHeaders('a,'.repeat(2_000))).toEqual(['a']);
    expect(requestedHeaders('a'.repeat(5_000))).toEqual([]);
    const many = Array.from({ length: 100 }, (_, at) => `x-${at}`);
    expect(requestedHeaders(many.join())).toHaveLength(64);
  });
});

describe('the route table', () => {
  it('knows which methods a path takes', () => {
    const table = new RouteTable();
    table.add('/a/:id', 'DELETE');
    table.add('/a/:id', ['GET', 'HEAD']);
    table.add('/a/me', 'PATCH');
    table.add('*', 'OPTIONS');
    expect(table.methodsOf('/a/1')).toEqual(['DELETE', 'GET', 'HEAD']);
    expect(table.methodsOf('/a/me')).toContain('PATCH');
    expect(table.methodsOf('/a/1/2')).toEqual([]);
    expect(table.methodsOf('/%zz')).toEqual([]);
  });
});

@Controller('things')
class ThingsController {
  constructor(private readonly cookies: Cookies) {}

  @Post()
  create(@StrictBody() body: ThingDto) {
    return body;
  }

  @Get()
  list(@StrictQuery() query: QueryDto) {
    return query;
  }

  @Get('fails')
  fail() {
    throw new Error('the inside story');
  }

  @Patch()
  swap(@Req() request: object, @Res({ passthrough: true }) response: unknown) {
    const had = this.cookies.read(request, 'refresh') ?? null;
    this.cookies.setRefresh(response, 'new.token', 60);
    this.cookies.setAccess(response, 'other', 5);
    return { had };
  }
}

const config = resolveOptions({ publicUrl: 'https://id.example.com', accessTokenCookie: true });

@Module({
  controllers: [ThingsController],
  providers: [Cookies, ProblemFilter, { provide: CONFIG, useValue: config }],
})
class HostModule {}

describe.each(['express', 'fastify'])('in a host on %s', (adapter) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    app =
      adapter === 'express'
        ? await NestFactory.create(HostModule, new ExpressAdapter(), { logger: false })
        : await NestFactory.create<NestFastifyApplication>(HostModule, new FastifyAdapter(), {
            logger: false,
          });
    app.useGlobalFilters(app.get(ProblemFilter));
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/things`;
  });

  afterAll(() => app.close());

  const post = (body: string, type = 'application/json') =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': type } });

  it('takes JSON and nothing else', async () => {
    const answer = await post('{"email":"a@b.example"}');
    expect([answer.status, await answer.json()]).toEqual([201, { email: 'a@b.example' }]);
    const form = await post('email=a@b.example', 'application/x-www-form-urlencoded');
    expect(form.status).toBe(415);
  });

  it.each([
    ['{', 400, 'malformed_request'],
    ['null', 400, 'malformed_request'],
    ['{"email":"a@b.example","constructor":1}', 400, 'validation_failed'],
    [`{"email":"${'a'.repeat(1_200_000)}"}`, 413, 'payload_too_large'],
  ])('answers bad bodies with a problem document', async (body, status, code) => {
    const answer = await post(body);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    expect(await answer.json()).toMatchObject({
      type: `https://id.example.com/problems/${code}`,
      status,
      code,
      requestId: answer.headers.get('x-request-id'),
    });
    expect(answer.status).toBe(status);
  });

  it('keeps what went wrong inside to itself', async () => {
    const answer = await fetch(`${url}/fails`, { headers: { 'x-request-id': 'my.own-id' } });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).toContain('"requestId":"my.own-id"');
    expect(text).not.toContain('inside');
  });

  it.each([
    ['?limit=5', 200],
    ['?limit=five', 400],
    ['?limit=5&limit=6', 400],
    ['?limit[]=5', 400],
    ['?page=1', 400],
    ['?limit=%00', 400],
  ])('query %s: %i', async (query, status) => {
    const answer = await fetch(url + query);
    expect(answer.status).toBe(status);
    if (status === 200) expect(await answer.json()).toEqual({ limit: 5 });
  });

  it('sets and reads cookies', async () => {
    const cookie = 'x; =; %%=%; __Host-latchkey-refresh=old.token; latchkey-refresh=wrong';
    const answer = await fetch(url, { method: 'PATCH', headers: { cookie } });
    expect(await answer.json()).toEqual({ had: 'old.token' });
    const [refresh = '', access = ''] = answer.headers.getSetCookie();
    expect(refresh.split('; ').sort()).toEqual([
      'HttpOnly',
      'Max-Age=60',
      'Path=/',
      'SameSite=Strict',
      'Secure',
      '__Host-latchkey-refresh=new.token',
    ]);
    expect(access).toMatch(/^__Host-latchkey-access=other; /);
  });
});
