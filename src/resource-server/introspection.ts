import type { Discovery } from './discovery.js';
import {
  type IssuerClient,
  IssuerUnreachable,
  UnexpectedStatus,
  VerifierMisconfigured,
} from './issuer-client.js';
import type { VerifierSettings } from './verifier-options.js';

/** Asks the issuer whether a token is good at this moment (RFC 7662). Nothing is remembered. */
export class Introspection {
  #isClientKnown = false;

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
    const authorization = this.#basic();
    const endpoint = await this.discovery.introspectionEndpoint();
    try {
      const answer = await this.issuer.ask('introspection', endpoint, {
        accept: 'application/json',
        form: { token, token_type_hint: 'access_token' },
        authorization,
        check: readActive,
      });
      return readActive(answer?.text ?? '');
    } catch (error) {
      throw isUnauthorized(error) ? new VerifierMisconfigured(UNKNOWN_CLIENT) : error;
    }
  }

  /**
   * Asks once whether the issuer knows the option `client`, if it is set. An issuer that can't be asked is no
   * reason to doubt it.
   *
   * @throws VerifierMisconfigured
   */
  async assertClientKnown(): Promise<void> {
    if (this.settings.client === undefined || this.#isClientKnown) return;
    try {
      await this.isActive(NO_TOKEN);
      this.#isClientKnown = true;
    } catch (error) {
      if (error instanceof VerifierMisconfigured) throw error;
    }
  }

  /** RFC 6749 §2.3.1: both parts are form-encoded first. */
  #basic(): string {
    const { client } = this.settings;
    if (client === undefined) throw new TypeError('Fresh checks need the option `client`');
    const pair = [client.id, client.secret].map(formEncoded).join(':');
    return `Basic ${btoa(pair)}`;
  }
}

const NO_TOKEN = 'none';
const UNKNOWN_CLIENT =
  'The issuer does not know the option `client`: its id or its secret is wrong';

function isUnauthorized(error: unknown): boolean {
  const cause = error instanceof IssuerUnreachable ? error.cause : undefined;
  return cause instanceof UnexpectedStatus && cause.status === 401;
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
