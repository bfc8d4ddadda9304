#!/usr/bin/env node
import { createProgram } from './program.js';
import { exitCodeOf, sentenceOf } from './exit.js';
import { quietWhenClosed, tell } from './terminal.js';

quietWhenClosed();
try {
  await createProgram().parseAsync();
} catch (error) {
  const sentence = sentenceOf(error);
  if (sentence !== undefined) tell(`latchkey: ${sentence}`);
  if (process.env['LOG_LEVEL'] === 'debug' && sentence !== undefined) tell(stackOf(error));
  process.exitCode = exitCodeOf(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.stack}` : String(error);
}
