import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigurationError, readEnvironment } from '../src/config.js';
import { unwiseSettings } from '../src/setting-warnings.js';
import { SECRET } from './support/databases.js';
import { endProcesses, runToEnd, spawnService } from './support/process.js';

/** @see contract §7: «every problem is reported at once, by name, without values, exit code 78» */

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readEnvironment(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-configuration-'));
});
afterAll(async () => {
  await endProcesses();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function fileOf(content: string | Buffer): string {
  const file = join(folder, `${(files += 1)}`);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

describe('what is impossible or dangerous is refused by name and without its value', () => {
  const HS256 = { ACCESS_TOKEN_ALG: 'HS256' };
  it.each<[string, string, Record<string, string>]>([
    ['LATCHKEY_SECRET', 'a'.repeat(32), {}],
    ['LATCHKEY_SECRET', 'changeme'.repeat(8), {}],
    ['LATCHKEY_SECRET', `${SECRET},${'0123456789'.repeat(4)}`, {}],
    ['LATCHKEY_SECRET', 'deadbeef'.repeat(8), {}],
    ['ACCESS_TOKEN_SECRET', 'abcdefghijklmno'.repeat(3), HS256],
    ['REFRESH_TOKEN_SECRET', 'password'.repeat(5), {}],
    ['ACCESS_TOKEN_TTL', '3650d', {}],
    ['ACCESS_TOKEN_TTL', '31d', {}],
    ['REFRESH_RETRY_WINDOW', '3650d', {}],
    ['SHUTDOWN_DELAY', '30d', {}],
    ['CORS_ORIGINS', '*', {}],
    ['CORS_ORIGINS', 'https://*.example.com', {}],
    ['CORS_ORIGINS', 'https://app.example.com,https://*', {}],
    ['CORS_ORIGINS', 'null', {}],
    ['CORS_ORIGINS', 'capacitor://localhost/path', {}],
    ['CORS_ORIGINS', 'capacitor:', {}],
    ['CORS_ORIGINS', 'javascript:alert(1)', {}],
    ['CORS_ORIGINS', 'file:///', {}],
    ['CORS_ORIGINS', 'chrome-extension://*', {}],
    ['COOKIE_PREFIX', '__Host-a', {}],
    ['COOKIE_PREFIX', 'a b', {}],
    ['PUBLIC_URL', 'https://*.example.com', {}],
    ['TRUST_PROXY', '0.0.0.0/0', {}],
    ['TRUST_PROXY', '::/0', {}],
    ['TRUST_PROXY', '::ffff:0:0/96', {}],
    ['TRUST_PROXY', '::FFFF:0.0.0.0/96', {}],
    ['TRUST_PROXY', '10.0.0.0/33', {}],
    ['TRUST_PROXY', '10.0.0.*', {}],
  ])('%s=%s', (name, value, others) => {
    const problems = problemsOf({ ...others, [name]: value });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name} must `))]);
    expect(problems.join()).not.toContain(value);
  });

  it.each([
    ['ACCESS_TOKEN_TTL', '30d'],
    ['TRUST_PROXY', '10.0.0.0/8,::1,fe80::1%eth0,fd00::/8,127.0.0.1/32'],
    ['CORS_ORIGINS', 'https://app.example.com,http://localhost:5173'],
    ['CORS_ORIGINS', 'capacitor://localhost,tauri://localhost,ionic://localhost:8100'],
    ['CORS_ORIGINS', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
    ['COOKIE_PREFIX', 'auth_2'],
    ['SHUTDOWN_DELAY', '1d'],
    ['REFRESH_RETRY_WINDOW', '0'],
  ])('but %s=%s is not', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([]);
  });

  it('nor a random secret in any usual form', () => {
    for (let round = 0; round < 50; round += 1) {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        const bytes = crypto.getRandomValues(Buffer.alloc(32));
        expect(problemsOf({ LATCHKEY_SECRET: bytes.toString(form) })).toEqual([]);
      }
    }
  });

  it('by the process too: with all problems at once, and without a stack trace', async () => {
    const wrong = {
      LATCHKEY_SECRET: 'a'.repeat(32),
      TRUST_PROXY: '0.0.0.0/0',
      CORS_ORIGINS: 'https://*.example.com',
      ACCESS_TOKEN_TTL: '3650d',
    };
    const { code, output } = await runToEnd(wrong);
    expect(code).toBe(78);
    for (const [name, value] of Object.entries(wrong)) {
      expect(output).toContain(`  ${name} must `);
      expect(output).not.toContain(value);
    }
    expect(output).not.toMatch(/\n +at /);
  });
});

describe('every secret can come as a file', () => {
  const postgres = 'postgres://somebody:hunter2@127.0.0.1:1/latchkey';
  it.each([
    ['LATCHKEY_SECRET', SECRET, [SECRET], 'secret'],
    ['LATCHKEY_SECRET', `${SECRET}, ${SECRET} 2`, [SECRET, `${SECRET} 2`], 'secret'],
    ['ACCESS_TOKEN_SECRET', `${SECRET} `, `${SECRET} `, 'accessTokenSecret'],
    ['REFRESH_TOKEN_SECRET', SECRET, SECRET, 'refreshTokenSecret'],
    ['DATABASE_URL', postgres, { kind: 'postgres', url: postgres }, 'databaseUrl'],
  ] as const)('%s_FILE means what %s means', (name, text, value, setting) => {
    const others = {
      ACCESS_TOKEN_SECRET: { ACCESS_TOKEN_ALG: 'HS256' },
      DATABASE_URL: { LATCHKEY_SECRET: SECRET },
      LATCHKEY_SECRET: {},
      REFRESH_TOKEN_SECRET: {},
    }[name];
    for (const end of ['', '\n', '\r\n']) {
      const config = readEnvironment({ ...others, [`${name}_FILE`]: fileOf(text + end) });
      expect(config[setting]).toEqual(value);
    }
  });

  it('of which one final line break is cut, and no more', () => {
    const read = (text: string) =>
      readEnvironment({ REFRESH_TOKEN_SECRET_FILE: fileOf(text) }).refreshTokenSecret;
    expect(read(`${SECRET}\n\n`)).toBe(`${SECRET}\n`);
    expect(read(`${SECRET}\r`)).toBe(`${SECRET}\r`);
    expect(read(`${SECRET} \n`)).toBe(`${SECRET} `);
  });

  const NAMES = ['LATCHKEY_SECRET', 'ACCESS_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET', 'DATABASE_URL'];
  const valid = (name: string) => (name === 'DATABASE_URL' ? 'sqlite::memory:' : SECRET);

  it.each(NAMES)('%s in both forms at once is refused', (name) => {
    const both = { [name]: valid(name), [`${name}_FILE`]: fileOf(valid(name)) };
    expect(problemsOf(both)).toEqual([`${name}_FILE and ${name} are both set: keep one of them`]);
  });

  it.each(NAMES)('%s_FILE that is of no use is refused, for one reason', (name) => {
    const directory = join(folder, `${name}.d`);
    mkdirSync(directory);
    const useless: [string, RegExp][] = [
      [join(folder, 'nowhere'), /cannot be read$/],
      [directory, /is a directory$/],
      ['/dev/zero', /is neither a file nor a pipe$/],
      [fileOf(''), /is empty$/],
      [fileOf(' \n'), /is empty$/],
      [fileOf(Buffer.alloc(48, 0xff)), /no UTF-8/],
      [fileOf('x'.repeat(300_000)), /is longer than 256 KiB$/],
    ];
    for (const [file, why] of useless) {
      const problems = problemsOf({ ACCESS_TOKEN_ALG: 'HS256', [`${name}_FILE`]: file });
      const own = problems.filter((problem) => problem.startsWith(`${name}_FILE `));
      expect(own).toEqual([expect.stringMatching(why)]);
      expect(own.join()).not.toContain(file);
    }
  });

  it('whose content is wrong is refused by the name of the file’s variable', () => {
    expect(problemsOf({ LATCHKEY_SECRET_FILE: fileOf('too short') })).toEqual([
      'LATCHKEY_SECRET_FILE must have 32 bytes or more',
    ]);
  });

  it('may be a pipe, whose writer may come late', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', `sleep 0.3; printf '%s\\n' "$TEXT" > '${pipe}'`], {
      env: { ...process.env, TEXT: SECRET },
    });
    expect(readEnvironment({ LATCHKEY_SECRET_FILE: pipe }).secret).toEqual([SECRET]);
    writer.kill();
  });

  it('a pipe into which nobody writes is refused', () => {
    const pipe = join(folder, 'dry');
    execFileSync('mkfifo', [pipe]);
    expect(problemsOf({ LATCHKEY_SECRET_FILE: pipe })).toEqual([
      'LATCHKEY_SECRET_FILE is a pipe into which nobody writes',
    ]);
    const key = problemsOf({ SIGNING_KEY_FILE: pipe, BCRYPT_COST: '99' });
    expect(key).toContain('SIGNING_KEY_FILE is a pipe into which nobody writes');
  }, 30_000);

  it('no other setting can: such names are not ours', () => {
    expect(problemsOf({ PORT_FILE: '/nowhere', BCRYPT_COST_FILE: '/nowhere' })).toEqual([]);
  });

  it('the service starts with it, and an empty variable counts as absent', async () => {
    const environment = { LATCHKEY_SECRET_FILE: fileOf(`${SECRET}\n`), DATABASE_URL_FILE: ' ' };
    const service = await spawnService(environment);
    await service.register();
    expect(await service.end('SIGTERM')).toBe(0);
    expect(service.output.text).not.toContain(SECRET);
  });
});

it('names that an orchestrator makes up are not ours', async () => {
  const service = await spawnService({
    LATCHKEY_PORT: 'tcp://10.0.0.1:3000',
    LATCHKEY_SERVICE_HOST: '10.0.0.1',
    LATCHKEY_PORT_3000_TCP_ADDR: '10.0.0.1',
    METRICS_PORT: 'tcp://10.0.0.2:9090',
  });
  expect((await service.get('/health/ready')).status).toBe(200);
  expect(await service.end('SIGTERM')).toBe(0);
  expect(problemsOf({ DATABASE_URL: 'tcp://10.0.0.1:5432' })).toHaveLength(1);
});

describe('what is unwise in production brings one warning each', () => {
  const sane = { NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' };
  const warningsOf = (environment: Record<string, string>) =>
    unwiseSettings(readEnvironment({ ...sane, ...environment }));

  it.each([
    ['COOKIE_SECURE', 'false'],
    ['PUBLIC_URL', 'http://id.example.com'],
    ['CORS_ORIGINS', 'http://app.example.com'],
    ['ACCESS_TOKEN_TTL', '12h'],
    ['REFRESH_TOKEN_TTL', '365d'],
    ['REFRESH_RETRY_WINDOW', '10m'],
    ['RATE_LIMIT', 'off'],
    ['PASSWORD_MIN_LENGTH', '4'],
    ['TRUST_PROXY', '0.0.0.0/1,128.0.0.0/1'],
    ['DATABASE_URL', 'sqlite::memory:'],
  ])('%s=%s', (name, value) => {
    const warnings = warningsOf({ [name]: value });
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^${name}\\b`))]);
    expect(warningsOf({ NODE_ENV: 'development', [name]: value })).toEqual([]);
  });

  it('one secret for two purposes', () => {
    const twice = [
      { LATCHKEY_SECRET: SECRET, REFRESH_TOKEN_SECRET: SECRET },
      { LATCHKEY_SECRET: SECRET, ACCESS_TOKEN_ALG: 'HS256', ACCESS_TOKEN_SECRET: SECRET },
      {
        ACCESS_TOKEN_ALG: 'HS256',
        ACCESS_TOKEN_SECRET: SECRET,
        REFRESH_TOKEN_SECRET: SECRET,
      },
    ];
    for (const environment of twice) {
      expect(warningsOf(environment)).toEqual([expect.stringMatching(/ should differ/)]);
    }
  });

  it('and what is wise brings none', () => {
    expect(warningsOf({})).toEqual([]);
    expect(
      warningsOf({
        PUBLIC_URL: 'http://localhost:3000',
        CORS_ORIGINS: 'http://localhost:5173,https://app.example.com',
        TRUST_PROXY: '10.0.0.0/8,fd00::/8',
        ACCESS_TOKEN_TTL: '1h',
      }),
    ).toEqual([]);
  });

  it('in the log of the service, at its start', async () => {
    const service = await spawnService({
      ...sane,
      BCRYPT_COST: '10',
      RATE_LIMIT: 'off',
      COOKIE_SECURE: 'false',
    });
    await service.end('SIGTERM');
    const warnings = linesOf(service.output.text).filter(({ level }) => level === 'warn');
    expect(warnings.map(({ msg }) => msg.split(/[=: ]/)[0])).toEqual([
      'COOKIE_SECURE',
      'RATE_LIMIT',
    ]);
  });
});

describe('a file with a secret or with users that others may read brings a warning at the start', () => {
  const startedWith = async (environment: Record<string, string>) => {
    const service = await spawnService(environment);
    await service.end('SIGTERM');
    return linesOf(service.output.text)
      .filter(({ level, msg }) => level === 'warn' && msg.includes('can be read by others'))
      .map(({ msg }) => msg);
  };

  it('those that Latchkey makes are its owner’s alone, so there is none', async () => {
    expect(await startedWith({})).toEqual([]);
  });

  it.each(['640', '604'])('the database and its secret with mode %s', async (digits) => {
    const mode = Number.parseInt(digits, 8);
    const data = mkdtempSync(join(folder, 'data-'));
    const environment = { DATABASE_URL: `sqlite:${join(data, 'latchkey.db')}` };
    await startedWith(environment);
    for (const name of ['latchkey.db', 'latchkey.secret']) chmodSync(join(data, name), mode);
    const warnings = await startedWith(environment);
    expect(warnings).toEqual(
      expect.arrayContaining([
        expect.stringContaining(join(data, 'latchkey.db ')),
        expect.stringContaining(join(data, 'latchkey.secret ')),
      ]),
    );
  });

  it('a file that was given', async () => {
    const file = fileOf(SECRET);
    expect(await startedWith({ LATCHKEY_SECRET_FILE: file })).toEqual([]);
    chmodSync(file, 0o644);
    expect(await startedWith({ LATCHKEY_SECRET_FILE: file })).toEqual([
      expect.stringMatching(/^LATCHKEY_SECRET_FILE can be read by others/),
    ]);
  });
});

function linesOf(output: string): { level: string; msg: string }[] {
  const lines = output.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as { level: string; msg: string });
}

describe('DATABASE_URL takes what pg takes', () => {
  it.each([
    'postgres://user:pw@/db?host=/cloudsql/p:r:i',
    'postgres://user@/db?host=/var/run/postgresql',
    'postgresql:///db?host=/var/run/postgresql&sslmode=disable',
    'postgres://user:p%40ss@db.example.com:5433/latchkey?sslmode=verify-full',
    'postgres://[2001:db8::1]/latchkey',
    'socket:/var/run/postgresql?db=latchkey',
  ])('%s', (url) => {
    const config = readEnvironment({ DATABASE_URL: url, LATCHKEY_SECRET: SECRET });
    expect(config.databaseUrl).toEqual({ kind: 'postgres', url });
  });

  it('with a schema', () => {
    const url = 'postgres://user@/db?host=/tmp&schema=auth';
    const config = readEnvironment({ DATABASE_URL: url, LATCHKEY_SECRET: SECRET });
    expect(config.databaseUrl).toEqual({ kind: 'postgres', url, schema: 'auth' });
  });

  it.each(['?schema=', '?schema=a;b', '?schema=a&schema=b', '?schema="a"', '?schema=a.b'])(
    'but no schema like %s',
    (query) => {
      const DATABASE_URL = `postgres://db.example.com/latchkey${query}`;
      expect(problemsOf({ DATABASE_URL, LATCHKEY_SECRET: SECRET })).toEqual([
        'DATABASE_URL must name one schema in `schema`',
      ]);
    },
  );
});
