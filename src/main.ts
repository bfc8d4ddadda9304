#!/usr/bin/env node
import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { ConfigurationError, readEnvironment } from './config.js';
import { DatabaseAwayError } from './database/open.js';
import { startService } from './service.js';

/** Exit codes as in sysexits.h. */
const EX_UNAVAILABLE = 69;
const EX_CONFIG = 78;

/** What listening on a name that leads nowhere, or on what is no address, ends in. */
const BAD_HOST = /^(ENOTFOUND|EINVAL)$/;
/** An address that may be ours later, and a resolver that may be there later. */
const ABSENT_HOST = /^(EADDRNOTAVAIL|EAI_\w+)$/;

/**
 * Percent by which the heap may grow before it is collected whole again; V8 would let it double or more. A V8
 * that does not know the flag says so and goes on.
 */
const HEAP_GROWTH = 20;

/** Until the service runs, and obeys by itself, there is nothing to finish. */
const leave = () => process.exit(0);
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
for (const signal of SIGNALS) process.on(signal, leave);
try {
  await startService(readEnvironment());
  for (const signal of SIGNALS) process.off(signal, leave);
} catch (error) {
  process.stderr.write(`${sentence(error)}\n`);
  process.exit(exitCode(error));
}

function exitCode(error: unknown): number {
  if (error instanceof ConfigurationError || BAD_HOST.test(codeOf(error))) return EX_CONFIG;
  return error instanceof DatabaseAwayError ? EX_UNAVAILABLE : 1;
}

function sentence(error: unknown): string {
  if (error instanceof ConfigurationError) return error.message;
  if (error instanceof DatabaseAwayError) {
    return error.cause instanceof Error
      ? `${error.message}: ${error.cause.message}`
      : error.message;
  }
  if (!(error instanceof Error)) return 'The service could not start';
  const code = codeOf(error);
  if (BAD_HOST.test(code) || ABSENT_HOST.test(code)) {
    return `HOST is no address of this machine (${code})`;
  }
  if (code === 'EADDRINUSE') {
    const port = 'port' in error ? `${String(error.port)} ` : '';
    return `Port ${port}is taken by another process: set PORT (or METRICS_PORT) to a free one`;
  }
  return `The service could not start: ${error.stack ?? error.message}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
