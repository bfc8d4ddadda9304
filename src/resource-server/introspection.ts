import type { Discovery } from './discovery.js';
import { type IssuerClient, IssuerUnreachable } from './issuer-client.js';
import type { VerifierSettings } from './verifier-options.js';

/** Asks the issuer whether a token is good at this moment (RFC 7662). Nothing is remembered. */
export class Introspection {
  constructor(
    private readonly settings: VerifierSettings,
    private readonly issuer: IssuerClient,
    private readonly discovery: Discovery,
  ) {}

  /**
   * Whether the issuer calls the token active.
   *
   * @throws IssuerUnreachable
   */
  async isActive(token: string): Promise<boolean> {
    const endpoint = await this.discovery.introspectionEndpoint();
    const answer = await this.issuer.ask('introspection', endpoint, {
      accept: 'application/json',
      form: { token, token_type_hint: 'access_token' },
      authorization: this.#basic(),
    });
    return readActive(answer?.text ?? '');
  }

  /** RFC 6749 §2.3.1: both parts are form-encoded first. */
  #basic(): string {
    const { client } = this.settings;
    if (client === undefined) throw new TypeError('Fresh checks need the option `client`');
    const pair = [client.id, client.secret].map(formEncoded).join(':');
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function readActive(text: string): boolean {
  try {
    const { active } = JSON.parse(text) as { active?: unknown };
    if (typeof active === 'boolean') return active;
  } catch {
    // Not JSON.
  }
  throw new IssuerUnreachable('The answer of introspection makes no sense');
}
