import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { CommanderError } from 'commander';
import { exitCodeOf, sentenceOf } from '../src/cli/exit.js';
import { type Line, readLines } from '../src/cli/lines.js';
import { harmless } from '../src/cli/harmless.js';
import { ask, firstLine } from '../src/cli/terminal.js';
import { ConfigurationError } from '../src/config.js';
import { DatabaseAwayError } from '../src/database/open.js';
import { StorageUnavailableError } from '../src/database/storage-error.js';
import { memberProblem, Problem } from '../src/http/problem.js';

async function linesOf(...chunks: (string | Buffer)[]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(Readable.from(chunks))) lines.push(line);
  return lines;
}

describe('reading a file line by line', () => {
  it('counts from 1, across chunks, with and without a last line end', async () => {
    expect(await linesOf('{"a"', ':1}\n\n{', '}')).toEqual([
      { number: 1, text: '{"a":1}' },
      { number: 2, text: '' },
      { number: 3, text: '{}' },
    ]);
    expect(await linesOf('a\n')).toEqual([{ number: 1, text: 'a' }]);
    expect(await linesOf()).toEqual([]);
  });

  it('keeps a character whole that two chunks share', async () => {
    const bytes = Buffer.from('{"name":"Åsa"}\n');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const lines = await linesOf(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(lines).toEqual([{ number: 1, text: '{"name":"Åsa"}' }]);
    }
  });

  it('leaves out a byte order mark', async () => {
    expect(await linesOf('\uFEFF{}')).toEqual([{ number: 1, text: '{}' }]);
  });

  it('refuses what is no UTF-8 and what is too long, and goes on with the next line', async () => {
    const long = 'x'.repeat(40_000);
    expect(await linesOf(Buffer.from([0xc3, 0x28, 0x0a]), long, long, long, '\nb\n')).toEqual([
      { number: 1, fault: 'is not UTF-8' },
      { number: 2, fault: 'is longer than 64 KiB' },
      { number: 3, text: 'b' },
    ]);
  });
});

describe('a password from standard input', () => {
  it.each([
    ['good night\n', 'good night'],
    ['good night\r\nmore\n', 'good night'],
    ['  spaces count  ', '  spaces count  '],
    ['pässwörd\n', 'pässwörd'],
  ])('%j is %j', async (input, password) => {
    expect(await firstLine(Readable.from([input]))).toBe(password);
  });

  it('does not wait for the end of the input', async () => {
    const input = new PassThrough();
    input.write('good night\n');
    expect(await firstLine(input)).toBe('good night');
  });

  it.each([
    ['', 64],
    ['\nsecond', 64],
    ['x'.repeat(20_000), 64],
    [Buffer.from([0xc3, 0x28, 0x0a]), 1],
  ])('refuses %#', async (input, exitCode) => {
    const chunks = input.length === 0 ? [] : [input];
    await expect(firstLine(Readable.from(chunks))).rejects.toMatchObject({ exitCode });
  });
});

/** What a terminal would show while these keys are pressed. */
async function typed(keys: string, questions: string[], hidden: boolean) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const answers = ask(questions, { hidden, input, output });
  input.end(keys);
  const result = await answers.catch((error: Error) => error);
  return { result, shown: String(output.read() ?? '') };
}

describe('a question on a terminal', () => {
  it('does not show what is typed when it is hidden', async () => {
    const { result, shown } = await typed('secret\rsecret\r', ['One: ', 'Two: '], true);
    expect(result).toEqual(['secret', 'secret']);
    expect(shown).toBe('One: \nTwo: \n');
  });

  it('heeds the rubout key', async () => {
    expect((await typed('abx\u007Fc\r', ['One: '], true)).result).toEqual(['abc']);
  });

  it('shows it otherwise', async () => {
    const { result, shown } = await typed('yes\r', ['Sure? '], false);
    expect(result).toEqual(['yes']);
    expect(shown).toContain('Sure? ');
    expect(shown).toContain('yes');
  });

  it.each(['half a pass\u0003', ''])('gives up at %j', async (keys) => {
    const { result, shown } = await typed(keys, ['One: '], true);
    expect(result).toMatchObject({ exitCode: 1, message: 'Nothing was changed' });
    expect(shown).not.toContain('half');
  });
});

describe('text of others on the terminal', () => {
  it('is shown without what would steer it', () => {
    expect(harmless('a\u001B[2Jb\u202Ec\nd')).toBe('a\\u{1b}[2Jb\\u{202e}c\\u{a}d');
    expect(harmless('Åsa 北')).toBe('Åsa 北');
  });
});

describe('how errors end a command', () => {
  it.each([
    [new CommanderError(0, 'commander.help', ''), 0, undefined],
    [new CommanderError(1, 'commander.unknownOption', 'x'), 64, undefined],
    [new DatabaseAwayError(new Error('no route')), 69, 'The database cannot be reached: no route'],
    [
      new StorageUnavailableError(new AggregateError([new Error('refused')])),
      69,
      'The database cannot be reached: refused',
    ],
    [
      new ConfigurationError(['PORT is wrong', 'HOST is wrong']),
      78,
      'The configuration cannot be used:\n  PORT is wrong\n  HOST is wrong',
    ],
    [memberProblem('/email', 'must be an e-mail address'), 1, 'email must be an e-mail address'],
    [
      new Problem('last_admin'),
      1,
      'This is the last enabled administrator. Make another user an administrator first.',
    ],
    [new Problem('email_taken'), 1, 'This e-mail address has an account already.'],
    [new Error('Something else'), 1, 'Something else'],
  ])('%p', (error, code, sentence) => {
    expect(exitCodeOf(error)).toBe(code);
    expect(sentenceOf(error)).toBe(sentence);
  });
});
