import type { Demands } from './verifier.js';
import type { RevocationOptions, VerifierOptions } from './verifier-options.js';
import type { VerifierHooks } from './verifier-hooks.js';

type Names<Options> = Readonly<Record<keyof Options, true>>;

const OPTIONS: Names<VerifierOptions> = {
  issuer: true,
  audience: true,
  address: true,
  jwksUri: true,
  introspectionEndpoint: true,
  client: true,
  algorithms: true,
  keyRefresh: true,
  keyCooldown: true,
  revocation: true,
  remember: true,
  timeout: true,
  realm: true,
  hooks: true,
  logger: true,
  clock: true,
  fetch: true,
};
const REVOCATION: Names<RevocationOptions> = { pollInterval: true, serveStale: true };
const CLIENT: Names<NonNullable<VerifierOptions['client']>> = { id: true, secret: true };
const HOOKS: Names<VerifierHooks> = { accepted: true, refused: true, requested: true };
const DEMANDS: Names<Demands> = { roles: true, scopes: true, fresh: true };

/** A sentence for every option that there is none of: what is misspelt would otherwise do nothing. */
export function unknownOptions(options: VerifierOptions): string[] {
  const { revocation, client, hooks } = options;
  return [
    ...unknown(options, OPTIONS),
    ...unknown(revocation, REVOCATION, 'revocation.'),
    ...unknown(client, CLIENT, 'client.'),
    ...(isPlain(hooks) ? unknown(hooks, HOOKS, 'hooks.') : []),
  ];
}

/**
 * A misspelt demand would let everybody pass.
 *
 * @throws TypeError that names it.
 */
export function assertKnownDemands(demands: Demands): void {
  for (const name in demands) {
    if (!Object.hasOwn(DEMANDS, name)) throw new TypeError(`There is no demand \`${name}\``);
  }
}

function unknown(options: unknown, known: object, prefix = ''): string[] {
  if (typeof options !== 'object' || options === null) return [];
  return Object.keys(options)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => `there is no option ${prefix}${name}`);
}

/** An object of a class of the application's has members of its own beside its hooks. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
