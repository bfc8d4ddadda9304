import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { CliError, EXIT } from './exit.js';

/** Longest first line that is read from standard input as a password (bytes). */
const LONGEST_LINE = 16_384;

let closed = false;

/** Whoever read our output has gone, as `head` does: print nothing more, and no complaint. */
export function quietWhenClosed(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      closed ||= stream === process.stdout;
    });
  }
}

/** Whether nobody reads standard output any more, so that a long list may stop. */
export function nobodyReads(): boolean {
  return closed;
}

/** Results go to standard output. */
export function print(line: string): void {
  if (!closed) process.stdout.write(`${line}\n`);
}

/** One JSON document, or one line of several. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** What is meant for people goes to standard error: progress, notes and errors. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Rows in columns; the widths are those of the rows at hand. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_title, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  );
  for (const row of all) {
    const cells = row.map(
      (cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length),
    );
    print(cells.join('  ').trimEnd());
  }
}

/** A line that is written over and over on a terminal, such as a count; elsewhere nothing. */
export class Progress {
  #shown = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream = process.stderr,
    private readonly pause = 100,
  ) {}

  /** Shows it, unless something was shown a moment ago. */
  show(text: string): void {
    const now = performance.now();
    if (!this.stream.isTTY || now - this.#shown < this.pause) return;
    this.#shown = now;
    this.stream.write(`\r\u001B[K${text}`);
  }

  /** Makes room for a whole line. */
  clear(): void {
    if (this.stream.isTTY && this.#shown > 0) this.stream.write('\r\u001B[K');
  }
}

/**
 * A new password: on a terminal asked for twice without showing it, else the first line of standard
 * input. Never an argument, which every user of the machine could read. Does not judge it.
 *
 * @throws CliError
 */
export async function newPassword(): Promise<string> {
  if (!process.stdin.isTTY) return firstLine(process.stdin);
  const [password = '', again] = await ask(['Password: ', 'The same again: '], { hidden: true });
  if (password === again) return password;
  throw new CliError('The two passwords are not the same');
}

/** @throws CliError without a terminal to ask on, or when the answer is no. */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CliError('There is no terminal to ask on: confirm with --yes', EXIT.usage);
  }
  const [answer = ''] = await ask([`${question} [y/N] `]);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was changed');
}

export interface AskOptions {
  /** Does not show what is typed. */
  hidden?: boolean;
  input?: NodeJS.ReadableStream;
  output?: NodeJS.WritableStream;
}

/**
 * Asks one question after the other on the terminal. They go to standard error, so that output can be
 * piped. Answers that were typed ahead count.
 *
 * @throws CliError when the input ends, or Ctrl-C is pressed.
 */
export async function ask(questions: readonly string[], options: AskOptions = {}) {
  const { hidden = false, input = process.stdin, output = process.stderr } = options;
  const echo = new Writable({
    write: (chunk, _encoding, done) => {
      if (!hidden) output.write(chunk);
      done();
    },
  });
  const typing = createInterface({ input, output: echo, terminal: true, historySize: 0 });
  typing.on('SIGINT', () => typing.close());
  const lines = typing[Symbol.asyncIterator]();
  const answers: string[] = [];
  try {
    for (const question of questions) {
      if (hidden) output.write(question);
      else typing.setPrompt(question);
      typing.prompt();
      const { done, value } = await lines.next();
      if (hidden || done === true) output.write('\n');
      if (done === true) throw new CliError('Nothing was changed');
      answers.push(String(value));
    }
    return answers;
  } finally {
    typing.close();
  }
}

/**
 * The first line of a stream, without its end.
 *
 * @throws CliError when there is none, it is too long, or it is no UTF-8.
 */
export async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    const end = bytes.indexOf(0x0a);
    chunks.push(end === -1 ? bytes : bytes.subarray(0, end));
    length += bytes.length;
    if (end !== -1 || length > LONGEST_LINE) break;
  }
  const line = decoded(Buffer.concat(chunks)).replace(/\r$/, '');
  if (line !== '' && line.length <= LONGEST_LINE) return line;
  throw new CliError(
    line === ''
      ? 'The password is read from the first line of standard input, which is empty'
      : 'The first line of standard input is too long for a password',
    EXIT.usage,
  );
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('The password must be UTF-8');
  }
}
