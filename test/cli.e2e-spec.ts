import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { CLI, cliEnvironment, latchkey, latchkeyJson } from './support/cli.js';
import { expectProblem, renewed } from './support/client.js';
import { SECRET } from './support/databases.js';
import { endProcesses, spawnService } from './support/process.js';
import { type Environment, describeOnEachDatabase, type TestService } from './support/suite.js';
import type { UserView } from '../src/contract/responses.js';

const PASSWORD = 'a fair wind and a steady hand';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

type ShownUser = UserView & { disabled: boolean };
interface Imported {
  created: number;
  present: number;
  refused: number;
  refusals: { line: number; reason: string }[];
}

describeOnEachDatabase('latchkey users', (suite) => {
  let service: TestService;
  let environment: Environment;
  const run = (args: string[], input?: string) => latchkey(environment, args, input);
  const json = <Document = ShownUser>(args: string[], input?: string) =>
    latchkeyJson<Document>(environment, args, input);
  const create = (email: string, ...args: string[]) =>
    json(['users', 'create', '--email', email, ...args], `${PASSWORD}\n`);
  const signIn = (email: string, password = PASSWORD) => service.login({ email, password });

  beforeAll(async () => {
    service = await suite.open();
    environment = service.database.environment;
  });

  it('create makes an administrator who can sign in and administer', async () => {
    const made = await create(
      'root@example.com',
      '--role',
      'admin',
      '--name',
      'Root',
      '--verified',
    );
    expect(made).toEqual({
      id: expect.stringMatching(UUID),
      email: 'root@example.com',
      emailVerified: true,
      username: null,
      name: 'Root',
      roles: ['admin'],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      disabled: false,
    });
    const answer = await signIn('root@example.com');
    expect(answer.status).toBe(200);
    const bearer = answer.json<{ accessToken: string }>().accessToken;
    expect((await service.get('/users', { bearer })).status).toBe(200);
  });

  it('create gives the role user when none is named, and several when several are', async () => {
    expect((await create('plain@example.com')).roles).toEqual(['user']);
    const both = await create('both@example.com', '--role', 'user', '--role', 'auditor');
    expect(both.roles).toEqual(['user', 'auditor']);
  });

  it.each([
    [['--email', 'nonsense'], PASSWORD, /email must be an e-mail address/],
    [['--email', 'x@example.com', '--username', '!'], PASSWORD, /username must be 3 to 32/],
    [['--email', 'x@example.com', '--role', 'Not A Role'], PASSWORD, /roles must be a list/],
    [['--email', 'x@example.com'], 'short', /password .*8/],
    [['--email', 'x@example.com'], 'password1', /password/],
    [['--email', 'x@example.com'], 'x@example.com', /password/],
  ])('create refuses %j with the sentence of the HTTP interface', async (args, password, why) => {
    const { code, stdout, stderr } = await run(['users', 'create', ...args], password);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(why);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('create says that an address is taken', async () => {
    const { code, stderr } = await run(
      ['users', 'create', '--email', 'PLAIN@example.com'],
      PASSWORD,
    );
    expect(code).toBe(1);
    expect(stderr).toBe('latchkey: This e-mail address has an account already.\n');
  });

  it('show finds a user by id, address in any case, and user name', async () => {
    const made = await create('grace@example.com', '--username', 'Grace');
    for (const name of [made.id, 'GRACE@example.com', 'grace', 'Grace']) {
      expect(await json(['users', 'show', name])).toEqual({
        ...made,
        lockedUntil: null,
        sessions: 0,
      });
    }
    const { code, stdout, stderr } = await run(['users', 'show', 'nobody']);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'latchkey: There is no user nobody\n',
    });
  });

  it('list gives one document a line, newest first, in pages that are none to the reader', async () => {
    for (const name of ['zoe-1', 'zoe-2', 'zoe-3']) await create(`${name}@example.com`);
    const list = async (...args: string[]) => {
      const { code, stdout } = await run(['users', 'list', '--query', 'ZOE', '--json', ...args]);
      expect(code).toBe(0);
      return stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as ShownUser).email);
    };
    expect(await list('--all')).toEqual([
      'zoe-3@example.com',
      'zoe-2@example.com',
      'zoe-1@example.com',
    ]);
    expect(await list('--limit', '2')).toEqual(['zoe-3@example.com', 'zoe-2@example.com']);
    const { stdout, stderr } = await run(['users', 'list', '--query', 'zoe', '--limit', '1']);
    expect(stdout).toMatch(/^ID +E-MAIL .*\n[0-9a-f-]{36} +zoe-3@example.com .*\n$/);
    expect(stderr).toContain('--all');
  });

  it('disable ends the sessions at once in the running service, enable lets sign in again', async () => {
    await create('eve@example.com', '--username', 'eve');
    const tokens = (await signIn('eve@example.com')).json<{
      accessToken: string;
      refreshToken: string;
    }>();
    expect((await service.me(tokens.accessToken)).status).toBe(200);
    expect(await json(['users', 'disable', 'eve'])).toMatchObject({ disabled: true });
    expect((await service.me(tokens.accessToken)).status).toBe(401);
    expect((await service.refresh(tokens.refreshToken)).status).toBe(401);
    expect((await signIn('eve@example.com')).status).toBe(401);
    expect(await json(['users', 'enable', 'eve'])).toMatchObject({ disabled: false });
    expect((await signIn('eve@example.com')).status).toBe(200);
  });

  it('sign-out ends all sessions and says how many', async () => {
    const { id } = await create('multi@example.com');
    const sessions = [await signIn('multi@example.com'), await signIn('multi@example.com')];
    expect(await json(['users', 'sign-out', id])).toEqual({ id, ended: 2 });
    for (const answer of sessions) {
      const { accessToken } = answer.json<{ accessToken: string }>();
      expect((await service.me(accessToken)).status).toBe(401);
    }
    expect(await json(['users', 'sign-out', id])).toEqual({ id, ended: 0 });
  });

  it('set-password replaces the password and ends the sessions', async () => {
    const { id } = await create('forgetful@example.com');
    const { accessToken } = (await signIn('forgetful@example.com')).json<{ accessToken: string }>();
    const refused = await run(['users', 'set-password', id], 'short\n');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/password .*8/);
    await json(['users', 'set-password', id], 'an altogether new one\n');
    expect((await service.me(accessToken)).status).toBe(401);
    expect((await signIn('forgetful@example.com')).status).toBe(401);
    expect((await signIn('forgetful@example.com', 'an altogether new one')).status).toBe(200);
  });

  it('set-roles replaces the roles', async () => {
    const { id } = await create('climber@example.com');
    expect(await json(['users', 'set-roles', id, 'user', 'auditor'])).toMatchObject({
      roles: ['user', 'auditor'],
    });
    expect((await run(['users', 'set-roles', id, 'Not-a-role'])).code).toBe(1);
  });

  it('the last administrator can be neither demoted, disabled nor deleted', async () => {
    for (const args of [
      ['set-roles', 'root@example.com', 'user'],
      ['disable', 'root@example.com'],
      ['delete', 'root@example.com', '--yes'],
    ]) {
      const { code, stderr } = await run(['users', ...args]);
      expect(code).toBe(1);
      expect(stderr).toBe(
        'latchkey: This is the last enabled administrator. Make another user an administrator first.\n',
      );
    }
  });

  it('delete wants --yes where nobody can be asked', async () => {
    const { id } = await create('leaver@example.com');
    const { accessToken } = (await signIn('leaver@example.com')).json<{ accessToken: string }>();
    expect((await run(['users', 'delete', id])).code).toBe(64);
    expect(await json(['users', 'delete', id, '--yes'])).toEqual({ id, deleted: true });
    expect((await service.me(accessToken)).status).toBe(401);
    expect((await run(['users', 'show', id])).code).toBe(1);
  });

  describe('import', () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'));
    const file = join(folder, 'people.ndjson');
    const hash = bcrypt.hashSync(PASSWORD, 4);
    const person = (email: string, more: object = {}) =>
      JSON.stringify({ email, passwordHash: hash, ...more });

    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('keeps the good lines, names the bad ones, and can be run again', async () => {
      const older = bcrypt.hashSync(PASSWORD, 5).replace('$2b$', '$2a$');
      writeFileSync(
        file,
        [
          person('one@import.example', { username: 'import-one', roles: ['user', 'auditor'] }),
          person('two@import.example', { passwordHash: older, emailVerified: true, name: 'Two' }),
          'not json',
          '',
          person('ONE@import.example'),
          person('three@import.example', { passwordHash: 'plain text' }),
          person('four@import.example', { username: 'import-one' }),
          person('five@import.example', { admin: true }),
          '[]',
          person('six@import.example'),
        ].join('\r\n'),
      );
      const first = await run(['users', 'import', file, '--json']);
      const report = JSON.parse(first.stdout) as Imported;
      expect(first.code).toBe(1);
      expect(report).toMatchObject({ created: 3, refused: report.refusals.length });
      expect(report.refusals.map(({ line }) => line)).toEqual(
        expect.arrayContaining([3, 6, 7, 8, 9]),
      );
      expect(first.stdout + first.stderr).not.toContain(hash);
      expect(first.stdout + first.stderr).not.toContain('plain text');

      const again = await run(['users', 'import', file, '--json']);
      expect(JSON.parse(again.stdout)).toMatchObject({ created: 0 });
    });

    it.each([['one@import.example'], ['two@import.example']])(
      '%s signs in with the old password, and the hash is upgraded',
      async (email) => {
        const stored = async () => {
          const rows = await service.database.query(
            `select password_hash from users where email = '${email}'`,
          );
          return String(rows[0]?.['password_hash']);
        };
        const before = await stored();
        expect((await signIn(email, 'something else entirely')).status).toBe(401);
        expect((await signIn(email)).status).toBe(200);
        expect(await stored()).not.toBe(before);
        expect((await signIn(email)).status).toBe(200);
      },
    );

    it('an import that is run again leaves upgraded hashes alone', async () => {
      const lines = `${person('one@import.example', { username: 'import-one' })}\n`;
      const result = await run(['users', 'import', '-', '--json'], lines);
      expect({ code: result.code, ...(JSON.parse(result.stdout) as Imported) }).toMatchObject({
        code: 0,
        created: 0,
        present: 1,
        refused: 0,
      });
      expect((await signIn('one@import.example')).status).toBe(200);
    });

    it('keeps ids and times of creation, and refuses what is none', async () => {
      const id = 'A3C1F5D0-0B6A-4F0E-9D57-0123456789AB';
      const kept = { id, createdAt: '2019-03-04T05:06:07Z' };
      const lines = [
        person('kept@import.example', kept),
        person('same-id@import.example', { id: id.toLowerCase() }),
        person('no-uuid@import.example', { id: '42' }),
        person('no-time@import.example', { createdAt: 'yesterday' }),
        person('to-come@import.example', { createdAt: '2999-01-01T00:00:00Z' }),
        person('hidden@import.example', { name: 'Ada\u202egnp.exe' }),
      ];
      const result = await run(['users', 'import', '-', '--json'], lines.join('\n'));
      const report = JSON.parse(result.stdout) as Imported;
      expect(report).toMatchObject({ created: 1, refused: 5 });
      expect(report.refusals.map(({ line, reason }) => [line, reason.split(' ')[0]])).toEqual(
        expect.arrayContaining([
          [2, 'id'],
          [3, 'id'],
          [4, 'createdAt'],
          [5, 'createdAt'],
          [6, 'name'],
        ]),
      );
      const [row] = await service.database.query(
        `select id, created_at from users where email = 'kept@import.example'`,
      );
      expect(row).toEqual({
        id: id.toLowerCase(),
        created_at: expect.anything(),
      });
      expect(Number(row?.['created_at'])).toBe(Date.parse(kept.createdAt));
      const signedIn = await signIn('kept@import.example');
      const { accessToken } = signedIn.json<{ accessToken: string }>();
      expect((await service.me(accessToken)).status).toBe(200);
    });

    it('reports in words', async () => {
      const input = `${person('seven@import.example')}\nnonsense\n`;
      const { code, stdout, stderr } = await run(['users', 'import', '-'], input);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^line 2: .*JSON/m);
      expect(stdout).toMatch(/1 .*created.*1 .*refused/i);
    });

    it('says when a file cannot be read', async () => {
      const { code, stderr } = await run(['users', 'import', join(folder, 'absent')]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/cannot be read/);
    });
  });
});

describeOnEachDatabase('latchkey keys', (suite) => {
  afterAll(() => endProcesses());

  it('rotate stages a key, then signs with it; a running service sees both within 10 s', async () => {
    const { environment } = await suite.freshDatabase();
    const service = await spawnService(environment);
    const kids = async () => {
      const { keys } = (await service.get('/.well-known/jwks.json')).json<{
        keys: { kid: string }[];
      }>();
      return keys.map(({ kid }) => kid);
    };
    const signing = async () => {
      const { accessToken } = await service.register();
      const header = Buffer.from(accessToken.split('.')[0] ?? '', 'base64url').toString();
      return (JSON.parse(header) as { kid: string }).kid;
    };
    const until = async (true_: () => Promise<boolean>) => {
      const patience = performance.now() + 10_000;
      while (!(await true_())) {
        expect(performance.now()).toBeLessThan(patience);
        await sleep(250);
      }
    };
    const [first = ''] = await kids();
    const next = await latchkeyJson<{ kid: string; stage: string }>(environment, [
      'keys',
      'rotate',
    ]);
    expect(next.stage).toBe('next');
    await until(async () => (await kids()).includes(next.kid));
    expect(await signing()).toBe(first);

    const { code, stdout } = await latchkey(environment, ['keys', 'list', '--json']);
    expect(code).toBe(0);
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(listed).toMatchObject([
      { kid: first, algorithm: 'ES256', stage: 'current' },
      { kid: next.kid, algorithm: 'ES256', stage: 'next' },
    ]);

    const now = await latchkeyJson<{ kid: string; stage: string }>(environment, [
      'keys',
      'rotate',
      '--now',
    ]);
    expect(now.stage).toBe('current');
    await until(async () => (await signing()) === now.kid);
    expect(await kids()).toContain(first);

    const { accessToken, refreshToken } = renewed(await service.register());
    expect((await service.me(accessToken)).status).toBe(200);
    const alone = await latchkey(environment, ['keys', 'rotate', '--withdraw']);
    expect([alone.code, alone.stderr]).toEqual([64, expect.stringContaining('--now')]);
    const fresh = await latchkeyJson<{ kid: string }>(environment, [
      'keys',
      'rotate',
      '--now',
      '--withdraw',
    ]);
    await until(async () => (await kids()).join() === fresh.kid);
    expectProblem(await service.me(accessToken), 'token_invalid');
    const renewal = await service.renew(refreshToken);
    expect((await service.me(renewal.accessToken)).status).toBe(200);
  }, 90_000);
});

describeOnEachDatabase('latchkey on an empty database', (suite) => {
  it('migrate makes the tables, once', async () => {
    const { environment } = await suite.freshDatabase();
    const first = await latchkeyJson<{ applied: string[] }>(environment, ['migrate']);
    expect(first.applied).toContain('0001-initial');
    expect(await latchkeyJson(environment, ['migrate'])).toEqual({ applied: [] });
  });

  it('any command makes them by itself', async () => {
    const { environment, kind } = await suite.freshDatabase();
    const { code, stdout, stderr } = await latchkey(environment, ['users', 'list']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(
      kind === 'sqlite' ? /^Made a new database: \/.*\nNo users\.\n$/ : /^No users\.\n$/,
    );
  });
});

describe('latchkey', () => {
  const NOWHERE = {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    LATCHKEY_SECRET: SECRET,
    DATABASE_WAIT: '0',
  };

  it.each([
    [[], 64],
    [['users'], 64],
    [['nonsense'], 64],
    [['users', 'create'], 64],
    [['users', 'list', '--limit', '0'], 64],
    [['users', 'create', '--email', 'a@example.com', '--password', 'never here'], 64],
    [['users', 'show'], 64],
    [['users', 'show', 'a', 'b'], 64],
    [['keys', 'rotate', '--nonsense'], 64],
    [['--help'], 0],
    [['users', 'create', '--help'], 0],
    [['help', 'keys'], 0],
    [['--version'], 0],
  ])('%j ends with %d without asking the database', async (args, code) => {
    const outcome = await latchkey(NOWHERE, args);
    expect(outcome.code).toBe(code);
    expect(code === 0 ? outcome.stderr : outcome.stdout).toBe('');
  });

  it('ends with 69 when the database is away, in one sentence', async () => {
    const { code, stdout, stderr } = await latchkey(NOWHERE, ['users', 'list']);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/^latchkey: The database cannot be reached: .*\n$/);
  });

  it('ends with 78 and names every wrong setting, but no value', async () => {
    const environment = { PORT: 'hush-hush', BCRYPT_COST: '99', DATABASE_URL: 'mysql://secret' };
    for (const args of [['users', 'list'], ['migrate'], ['keys', 'rotate'], ['start']]) {
      const { code, stderr } = await latchkey(environment, args);
      expect({ args, code }).toEqual({ args, code: 78 });
      for (const name of Object.keys(environment)) expect(stderr).toContain(name);
      expect(stderr).not.toMatch(/hush-hush|secret/);
    }
  });

  it('says nothing when its reader has gone', async () => {
    const child = spawn(process.execPath, [CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});

const PTY = '/usr/bin/python3';
const onTerminal = existsSync(PTY) ? it : it.skip;

/** Runs a command on a terminal of its own and types there. @returns what the terminal showed. */
async function typed(environment: Environment, args: string[], keys: string, prompt: string) {
  const script = [
    'import os, pty, sys',
    'prompt, keys, command = sys.argv[1], sys.argv[2], sys.argv[3:]',
    'pid, terminal = pty.fork()',
    'if pid == 0: os.execv(command[0], command)',
    'shown, sent = b"", False',
    'while True:',
    '    try: chunk = os.read(terminal, 4096)',
    '    except OSError: break',
    '    if not chunk: break',
    '    shown += chunk',
    '    if not sent and prompt.encode() in shown: os.write(terminal, keys.encode()); sent = True',
    'sys.stdout.buffer.write(shown)',
    'sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))',
  ].join('\n');
  const child = spawn(PTY, ['-c', script, prompt, keys, process.execPath, CLI, ...args], {
    env: cliEnvironment(environment),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
  await once(child, 'close');
  return { code: child.exitCode, shown };
}

describeOnEachDatabase('latchkey on a terminal', (suite) => {
  onTerminal('asks for a password twice without showing it', async () => {
    const service = await suite.open();
    const args = ['users', 'create', '--email', 'typist@example.com'];
    const keys = `${PASSWORD}\r${PASSWORD}\r`;
    const { code, shown } = await typed(service.database.environment, args, keys, 'Password: ');
    expect({ code, shown }).toEqual({ code: 0, shown: expect.stringContaining('Created') });
    expect(shown).toContain('The same again: ');
    expect(shown).not.toContain(PASSWORD);
    const email = 'typist@example.com';
    expect((await service.login({ email, password: PASSWORD })).status).toBe(200);
  });

  onTerminal('wants both to be the same', async () => {
    const { environment } = await suite.database();
    const args = ['users', 'create', '--email', 'slip@example.com'];
    const { code, shown } = await typed(environment, args, 'first one\rother one\r', 'Password: ');
    expect(code).toBe(1);
    expect(shown).toContain('not the same');
  });

  onTerminal('asks before it deletes', async () => {
    const { environment } = await suite.database();
    const email = 'doomed@example.com';
    await latchkeyJson(environment, ['users', 'create', '--email', email], PASSWORD);
    const args = ['users', 'delete', email];
    expect((await typed(environment, args, 'n\r', '[y/N]')).code).toBe(1);
    expect((await latchkey(environment, ['users', 'show', email])).code).toBe(0);
    expect((await typed(environment, args, 'y\r', '[y/N]')).code).toBe(0);
    expect((await latchkey(environment, ['users', 'show', email])).code).toBe(1);
  });
});
