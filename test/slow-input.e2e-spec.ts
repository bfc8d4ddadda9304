import { someone, type Sending } from './support/client.js';
import { describeOnEachDatabase, type TestService } from './support/suite.js';

/*
 * No input takes longer to read than in proportion to its length, whoever sends it. Each is compared with a
 * harmless one of the same length at the same place, in the same run, so that a slow machine changes nothing.
 */

/** Node takes headers of 16 KiB in all. */
const HEADER_LENGTH = 15_000;
const BODY_LENGTH = 60_000;

/** What an input may take of the time of a harmless one. Quadratic ones take a hundred times as long. */
const MAX_RATIO = 12;
/** The best of so many counts: what else the machine does only ever adds. */
const TRIES = Number(process.env['SLOW_INPUT_TRIES'] ?? 3);
const TIMEOUT_MS = 60_000 * TRIES;

const FILLERS = [
  ' ',
  '\t',
  ',',
  ';',
  '"',
  '\\',
  '=',
  'a',
  'a,',
  'a;',
  ' ;',
  'a=',
  '=;',
  '""',
  '%20',
  ':',
  '/',
  '.',
];

/** Each header that a route or anything in front of it reads, and how a value of it may begin. */
const HEADERS: [name: string, ...beginnings: string[]][] = [
  ['content-type', '', 'application/json', 'application/json; charset=utf-8'],
  ['content-type', 'application/x-www-form-urlencoded', 'application/x-www-form-urlencoded;'],
  ['authorization', '', 'Bearer ', 'Basic '],
  ['cookie', '', '__Host-latchkey-refresh='],
  ['origin', '', 'https://'],
  ['accept', '', 'text/html'],
  ['accept-encoding', '', 'gzip;q='],
  ['accept-language', '', 'en'],
  ['if-none-match', '', 'W/"'],
  ['x-forwarded-for', '', '203.0.113.7', '[2001:db8::1]'],
  ['x-forwarded-method', ''],
  ['forwarded', '', 'for='],
  ['idempotency-key', '', '"'],
  ['x-request-id', ''],
  ['user-agent', '', 'Mozilla/5.0 ('],
  ['sec-fetch-site', ''],
  ['access-control-request-headers', ''],
  ['content-encoding', 'gzip'],
  ['range', 'bytes='],
];

const PLACES: [method: string, path: string][] = [
  ['POST', '/auth/login'],
  ['POST', '/auth/refresh'],
  ['POST', '/oauth/token'],
  ['GET', '/auth/verify'],
  ['GET', '/.well-known/jwks.json'],
  ['OPTIONS', '/auth/login'],
  ['GET', '/'],
];

const MEMBERS: [path: string, body: Record<string, unknown>][] = [
  ['/auth/register', someone({ username: 'ada-of-the-sea', name: 'Ada' })],
  ['/auth/login', { username: 'ada', password: 'x', transport: 'body' }],
  ['/auth/login', { email: 'ada@example.com' }],
  ['/auth/refresh', { refreshToken: 'x' }],
  ['/auth/logout', { refreshToken: 'x' }],
];

const FORM = ['grant_type', 'client_id', 'client_secret', 'scope', 'refresh_token', 'token'];

/** @see contract §1: never a 5xx for bad input; `docs/security-model.md` */
describeOnEachDatabase('Input', (suite) => {
  let service: TestService;
  beforeAll(async () => {
    service = await suite.open({
      TRUST_PROXY: '127.0.0.1',
      CORS_ORIGINS: 'https://app.example.com',
      BCRYPT_COST: '4',
    });
  });

  interface Input {
    name: string;
    sending: Sending;
  }

  /** Milliseconds until the service has answered it: the best of some, since other work only adds. */
  async function timeOf(method: string, path: string, { sending }: Input, tries: number) {
    let best = Infinity;
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const start = performance.now();
      const { status } = await service.send(method, path, sending);
      best = Math.min(best, performance.now() - start);
      expect(status).toBeLessThan(500);
    }
    return best;
  }

  /** Those inputs that take longer than the harmless one, with how many times as long. */
  async function slowOf(
    [method, path]: [string, string],
    harmless: Input,
    inputs: Input[],
    tries: number,
  ): Promise<[Input, number][]> {
    const usual = await timeOf(method, path, harmless, tries);
    const slow: [Input, number][] = [];
    for (const input of inputs) {
      const ratio = (await timeOf(method, path, input, tries)) / Math.max(usual, 1);
      if (ratio > MAX_RATIO) slow.push([input, ratio]);
    }
    return slow;
  }

  /** What seems slow is timed again more often, because a busy machine makes anything seem slow. */
  async function expectProportionate(place: [string, string], harmless: Input, inputs: Input[]) {
    const suspects = await slowOf(place, harmless, inputs, TRIES);
    const again = suspects.map(([input]) => input);
    const slow = again.length === 0 ? [] : await slowOf(place, harmless, again, TRIES * 5);
    expect(slow.map(([{ name }, ratio]) => [name, ratio])).toEqual([]);
  }

  it.each(PLACES)(
    'no header of %s %s takes longer than a harmless one of its length',
    async (method, path) => {
      const raw = method === 'POST' ? { raw: '{}' } : {};
      const inputs = HEADERS.flatMap(([header, ...beginnings]) =>
        beginnings.flatMap((beginning) =>
          FILLERS.map((filler) => {
            const length = HEADER_LENGTH - beginning.length;
            const value = `${beginning}${filler.repeat(Math.floor(length / filler.length))}x`;
            const sending = { headers: { [header]: value }, ...raw };
            return { name: `${header}: ${beginning}${filler}…`, sending };
          }),
        ),
      );
      const harmless = { headers: { 'x-harmless': 'a'.repeat(HEADER_LENGTH) } };
      await expectProportionate([method, path], { name: 'harmless', sending: harmless }, inputs);
    },
    TIMEOUT_MS,
  );

  it.each(MEMBERS)(
    'no member of a body to %s takes longer than a harmless one of its length',
    async (path, body) => {
      const filled = (name: string, filler: string): Input => ({
        name: `${name}: ${filler}…`,
        sending: {
          json: { ...body, [name]: filler.repeat(Math.floor(BODY_LENGTH / filler.length)) },
        },
      });
      const fillers = [...FILLERS, '@', 'ſ', 'é', '1', '\u0301', '😀', '-----BEGIN '];
      const inputs = Object.keys(body).flatMap((name) => fillers.map((it) => filled(name, it)));
      await expectProportionate(['POST', path], filled('unknown', 'a'), inputs);
    },
    TIMEOUT_MS,
  );

  it.each(['/oauth/token', '/oauth/introspect', '/oauth/revoke'])(
    'no parameter of a form to %s takes longer than a harmless one of its length',
    async (path) => {
      const filled = (name: string, filler: string): Input => ({
        name: `${name}: ${filler}…`,
        sending: {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          raw: `grant_type=refresh_token&${name}=${filler.repeat(BODY_LENGTH / filler.length)}`,
        },
      });
      const fillers = [' ', '+', '%20', '&', '=', '&a=', 'a', ';', '"', '.', '%22'];
      const inputs = FORM.flatMap((name) => fillers.map((it) => filled(name, it)));
      await expectProportionate(['POST', path], filled('unknown', 'a'), inputs);
    },
    TIMEOUT_MS,
  );
});
