import { type IssuerClient, IssuerUnreachable } from './issuer-client.js';
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
    const [first, second] = addresses(this.settings.issuer);
    try {
      return await this.#fetchFrom(first);
    } catch {
      return this.#fetchFrom(second);
    }
  }

  async #fetchFrom(url: string): Promise<Metadata> {
    const answer = await this.issuer.ask('metadata', url, { accept: 'application/json' });
    const metadata = parse(answer?.text ?? '');
    if (metadata['issuer'] === this.settings.issuer) return metadata;
    throw new IssuerUnreachable('The metadata are those of another issuer');
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

function parse(text: string): Metadata {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Metadata;
  } catch {
    // Not JSON.
  }
  throw new IssuerUnreachable('The metadata are not JSON');
}
