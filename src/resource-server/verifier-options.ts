import type { Clock } from '../contract/clock.js';
import { SystemClock } from '../contract/clock.js';
import { unknownOptions } from './unknown-options.js';
import type { VerifierHooks } from './verifier-hooks.js';
import { loggingHooks, type VerifierLogger } from './verifier-log.js';

/** Algorithms with a key pair. HS256 is never taken: whoever can verify could sign. */
export const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'ES384'] as const;
export type VerifiedAlgorithm = (typeof ALGORITHMS)[number];

export interface RevocationOptions {
  /** Seconds from one look at the status lists to the next; a sign-out shows after that. Default 5. */
  pollInterval?: number;
  /**
   * Seconds for which a list that can't be renewed is still believed, once it has missed two polls. After that its tokens are refused
   * with `issuer_unavailable`. Default 600: as long as an access token lives by default, so that an
   * outage of the issuer alone refuses nobody.
   */
  serveStale?: number;
}

export interface VerifierOptions {
  /** `PUBLIC_URL` of the service, byte for byte. */
  issuer: string;
  /** This service's name or names: a token must have one of them in `aud`. */
  audience: string | readonly string[];
  /**
   * Where the issuer is reached, when not under its own name, as in `http://latchkey:3000`. What discovery
   * and tokens name under the issuer is then fetched from there. Default: the issuer.
   */
  address?: string;
  /** Skips discovery of the keys. Default: what the metadata names. */
  jwksUri?: string;
  /** Skips discovery of introspection. Default: what the metadata names. */
  introspectionEndpoint?: string;
  /** Who we are at the issuer. Needed for introspection (`fresh`) only. */
  client?: { id: string; secret: string };
  /** Allow-list. Default: all that the service can sign with a key pair. */
  algorithms?: readonly VerifiedAlgorithm[];
  /** Seconds from one refresh of the keys to the next. Default 300. */
  keyRefresh?: number;
  /** Seconds in which unknown `kid`s cause one fetch at most. Default 5. */
  keyCooldown?: number;
  /** `false`: signed-out tokens live until they expire. Default: status lists as by `RevocationOptions`. */
  revocation?: RevocationOptions | false;
  /** How many verified tokens are remembered at most; 0 turns it off. Default 10,000. */
  remember?: number;
  /** Seconds that a request to the issuer may take. Default 5. */
  timeout?: number;
  /** Of `WWW-Authenticate`. Default `latchkey`. */
  realm?: string;
  /** For metrics. */
  hooks?: VerifierHooks;
  /**
   * Is told of every refusal and every failed request to the issuer: at `debug`, and the first of its kind
   * at `warn`, then at most one a minute. Default: Nest's own in Nest, else `console` for what is at `warn`;
   * `false`: none.
   */
  logger?: VerifierLogger | false;
  /** Default: the machine's clock. */
  clock?: Clock;
  /** How requests are made: through a proxy, with a client certificate. Default: Node's own. */
  fetch?: typeof fetch;
}

/** The same with every default in place. */
export interface VerifierSettings {
  issuer: string;
  audience: ReadonlySet<string>;
  address: string;
  jwksUri: string | undefined;
  introspectionEndpoint: string | undefined;
  client: { id: string; secret: string } | undefined;
  algorithms: ReadonlySet<string>;
  keyRefresh: number;
  keyCooldown: number;
  revocation: Required<RevocationOptions> | undefined;
  remember: number;
  timeout: number;
  realm: string;
  hooks: VerifierHooks;
  clock: Clock;
  fetch: typeof fetch;
}

const LONGEST_WAIT = 24 * 60 * 60;
const CONSOLE: VerifierLogger = { warn: (message) => console.warn(message) };
const SILENT: VerifierLogger = { warn: () => undefined };

/**
 * Checks the options and puts defaults in place.
 *
 * @throws TypeError that names every option that is wrong or unknown, never its value.
 */
export function settle(options: VerifierOptions): VerifierSettings {
  const revocation = options.revocation ?? {};
  const clock = options.clock ?? new SystemClock();
  const logger = options.logger === false ? SILENT : (options.logger ?? CONSOLE);
  const settings: VerifierSettings = {
    issuer: options.issuer,
    audience: new Set([options.audience].flat()),
    address: options.address ?? options.issuer,
    jwksUri: options.jwksUri,
    introspectionEndpoint: options.introspectionEndpoint,
    client: options.client,
    algorithms: new Set(options.algorithms ?? ALGORITHMS),
    keyRefresh: options.keyRefresh ?? 300,
    keyCooldown: options.keyCooldown ?? 5,
    revocation: revocation === false ? undefined : withDefaults(revocation),
    remember: options.remember ?? 10_000,
    timeout: options.timeout ?? 5,
    realm: options.realm ?? 'latchkey',
    hooks: loggingHooks(logger, clock, options.hooks ?? {}),
    clock,
    fetch: options.fetch ?? fetch,
  };
  const wrong = [...problems(settings), ...unknownOptions(options)];
  if (wrong.length > 0) throw new TypeError(`Options of the verifier: ${wrong.join('; ')}`);
  return settings;
}

function withDefaults({ pollInterval = 5, serveStale = 600 }: RevocationOptions) {
  return { pollInterval, serveStale };
}

function problems(settings: VerifierSettings): string[] {
  const { pollInterval, serveStale } = settings.revocation ?? withDefaults({});
  const rules: [fine: boolean, problem: string][] = [
    [isBase(settings.issuer), 'issuer must be an http(s) URL without a trailing slash'],
    [isBase(settings.address), 'address must be an http(s) URL without a trailing slash'],
    [isAddress(settings.jwksUri), 'jwksUri must be an http(s) URL'],
    [isAddress(settings.introspectionEndpoint), 'introspectionEndpoint must be an http(s) URL'],
    [isAudience(settings.audience), 'audience must be one text or more'],
    [isAlgorithms(settings.algorithms), `algorithms must be among ${ALGORITHMS.join(', ')}`],
    [isWait(settings.keyRefresh), 'keyRefresh must be seconds'],
    [isWait(settings.keyCooldown), 'keyCooldown must be seconds'],
    [isWait(pollInterval), 'revocation.pollInterval must be seconds'],
    [serveStale >= 0, 'revocation.serveStale must be seconds'],
    [isWait(settings.timeout), 'timeout must be seconds'],
    [Number.isSafeInteger(settings.remember) && settings.remember >= 0, 'remember must be a count'],
    [/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(settings.realm), 'realm must be ASCII without quotes'],
    [isClient(settings.client), 'client must have an id and a secret'],
  ];
  return rules.filter(([fine]) => !fine).map(([, problem]) => problem);
}

function isBase(value: unknown): boolean {
  return typeof value === 'string' && isAddress(value) && !/[/?#]$/.test(value);
}

function isAddress(value: string | undefined): boolean {
  return value === undefined || (/^https?:\/\//.test(value) && URL.canParse(value));
}

function isAudience(audience: ReadonlySet<unknown>): boolean {
  return audience.size > 0 && [...audience].every((one) => typeof one === 'string' && one !== '');
}

function isAlgorithms(algorithms: ReadonlySet<string>): boolean {
  const known: readonly string[] = ALGORITHMS;
  return algorithms.size > 0 && [...algorithms].every((one) => known.includes(one));
}

function isWait(seconds: number): boolean {
  return Number.isFinite(seconds) && seconds > 0 && seconds <= LONGEST_WAIT;
}

function isClient(client: VerifierSettings['client']): boolean {
  return client === undefined || (!!client.id && !!client.secret);
}
