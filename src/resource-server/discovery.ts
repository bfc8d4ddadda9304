import {
  type IssuerClient,
  IssuerUnreachable,
  UnexpectedStatus,
  VerifierMisconfigured,
} from './issuer-client.js';
import type { VerifierSettings } from './verifier-options.js';

type Metadata = Readonly<Record<string, unknown>>;

/**
 * The issuer's metadata (RFC 8414), fetched once, when it is first needed. Its `issuer` must be ours byte
 * for byte (§3.3).
 */
export class Discovery {
  #metadata: Promise<Metadata> | undefined;

  constructor(
    private readonly settings: VerifierSettings,
    private readonly issuer: IssuerClient,
  ) {}

  /** @throws IssuerUnreachable */
  async jwksUri(): Promise<string> {
    return this.settings.jwksUri ?? (await this.#endpoint('jwks_uri'));
  }

  /** @throws IssuerUnreachable */
  async introspectionEndpoint(): Promise<string> {
    return this.settings.introspectionEndpoint ?? (await this.#endpoint('introspection_endpoint'));
  }

  /** Has the metadata fetched anew, for when what it names is not there any more. */
  forget(): void {
    this.#metadata = undefined;
  }

  async #endpoint(name: string): Promise<string> {
    this.#metadata ??= this.#fetch();
    const asked = this.#metadata;
    try {
      const value = (await asked)[name];
      if (typeof value === 'string' && URL.canParse(value)) return value;
    } catch (error) {
      if (this.#metadata === asked) this.forget();
      throw error;
    }
    this.forget();
    throw new IssuerUnreachable(`The issuer's metadata names no ${name}`);
  }

  async #fetch(): Promise<Metadata> {
    const failures: unknown[] = [];
    for (const url of addresses(this.settings.issuer)) {
      try {
        return await this.#fetchFrom(url);
      } catch (error) {
        failures.push(error);
      }
    }
    throw this.#explanation(failures);
  }

  async #fetchFrom(url: string): Promise<Metadata> {
    const asking = { accept: 'application/json', check: (text: string) => void this.#read(text) };
    const answer = await this.issuer.ask('metadata', url, asking);
    return this.#read(answer?.text ?? '');
  }

  #read(text: string): Metadata {
    const metadata = parse(text);
    const { issuer } = metadata;
    if (issuer === this.settings.issuer) return metadata;
    const other = JSON.stringify(issuer)?.slice(0, LONGEST_QUOTE);
    throw new VerifierMisconfigured(
      `The option \`issuer\` is not what the issuer calls itself: its metadata say ${other}`,
    );
  }

  /** Where an issuer answers, but has no metadata that could be ours, it is the wrong one. */
  #explanation(failures: readonly unknown[]): unknown {
    const misconfigured = failures.find((error) => error instanceof VerifierMisconfigured);
    if (misconfigured !== undefined || !failures.every(isNotFound)) {
      return misconfigured ?? failures.at(-1);
    }
    return new VerifierMisconfigured(
      `There are no metadata of a Latchkey at ${this.settings.address} (404): is the option \`issuer\` its PUBLIC_URL?`,
    );
  }
}

/** Under the issuer, where Latchkey has it; or as RFC 8414 §3.1 puts it for issuers with a path. */
function addresses(issuer: string): [string, string] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  return [
    `${issuer}/.well-known/oauth-authorization-server`,
    path === ''
      ? `${issuer}/.well-known/openid-configuration`
      : `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

const LONGEST_QUOTE = 200;

function isNotFound(error: unknown): boolean {
  const cause = error instanceof IssuerUnreachable ? error.cause : undefined;
  return cause instanceof UnexpectedStatus && cause.status === 404;
}

function parse(text: string): Metadata {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Metadata;
  } catch {
    // Not JSON.
  }
  throw new VerifierMisconfigured(
    'What is at the option `issuer` is no Latchkey: its metadata are not JSON',
  );
}
