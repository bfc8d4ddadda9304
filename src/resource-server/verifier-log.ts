import type { Clock } from '../contract/clock.js';
import { type IssuerRequest, type Refusal, tell, type VerifierHooks } from './verifier-hooks.js';

/** Where the verifier writes: `console`, Nest's `Logger`, pino, or anything else with these. */
export interface VerifierLogger {
  debug?(message: string): void;
  warn(message: string): void;
}

/** What is likely to be wrong, by the reason of a refusal. */
const ADVICE: Readonly<Record<string, string>> = {
  aud: 'The token is for other audiences than those of the option `audience`.',
  iss: 'The token is of another issuer than the option `issuer` names.',
  'status list': 'The token names a status list that is not below the option `issuer`.',
  'unknown key': 'The issuer of the option `issuer` has no such key.',
  'algorithm not of this key': 'Is the algorithm in the option `algorithms`?',
};
const WARN_INTERVAL_MS = 60_000;
const MAX_KINDS = 200;

/**
 * The hooks with a log before them, in which every refusal and every failed request to the issuer is a line: at `debug`, and the
 * first of its kind at `warn`, then at most one a minute. No line holds a token or what is in it.
 */
export function loggingHooks(
  logger: VerifierLogger,
  clock: Clock,
  hooks: VerifierHooks,
): VerifierHooks {
  const log = new VerifierLog(logger, clock);
  return {
    accepted: (event) => hooks.accepted?.(event),
    refused: (event) => {
      tell((one) => hooks.refused?.(one), event);
      log.write(...refusal(event));
    },
    requested: (event) => {
      tell((one) => hooks.requested?.(one), event);
      if (event.outcome === 'failed') log.write(...failure(event));
    },
  };
}

type Entry = [kind: string, line: string];

function refusal({ code, reason }: Refusal): Entry {
  const advice = ADVICE[reason];
  const line = `Refused a call (${code}: ${reason})`;
  return [`${code}: ${reason}`, advice === undefined ? line : `${line}. ${advice}`];
}

function failure({ document, error }: IssuerRequest): Entry {
  const why = reasonOf(error);
  return [`${document} ${why}`, `The issuer did not give its ${document}: ${why}`];
}

/** `fetch` says `fetch failed`, and why in the cause. Errors may be of another realm, as in Jest. */
function reasonOf(error: unknown): string {
  const { message, cause }: { message?: unknown; cause?: unknown } = Object(error);
  const { message: deeper }: { message?: unknown } = Object(cause);
  return [message, deeper].filter((text) => typeof text === 'string' && text !== '').join(': ');
}

class VerifierLog {
  readonly #kinds = new Map<string, { warnedAt: number; unsaid: number }>();

  constructor(
    private readonly logger: VerifierLogger,
    private readonly clock: Clock,
  ) {}

  write(kind: string, line: string): void {
    this.logger.debug?.(line);
    const now = this.clock.now();
    const before = this.#kinds.get(kind);
    if (before !== undefined && Math.abs(now - before.warnedAt) < WARN_INTERVAL_MS) {
      before.unsaid += 1;
      return;
    }
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    this.#kinds.set(kind, { warnedAt: now, unsaid: 0 });
    const unsaid = before?.unsaid ?? 0;
    this.logger.warn(unsaid === 0 ? line : `${line} (${unsaid} more since the last such line)`);
  }
}
