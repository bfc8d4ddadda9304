import { createHash, randomBytes } from 'node:crypto';
import type { Answer, Client, RequestHeaders, Sending } from './client.js';
import type { TestService } from './suite.js';

/** A service client as `latchkey clients create --json` prints it. */
export interface Credentials {
  clientId: string;
  clientSecret: string;
}

/** The public first-party client. */
export const FIRST_PARTY = { client_id: 'latchkey' };

export type Parameters = Record<string, string> | [name: string, value: string][];

/** Sends a form, as OAuth clients do. */
export function postForm(
  service: Client,
  path: string,
  parameters: Parameters,
  headers: RequestHeaders = {},
): Promise<Answer> {
  const raw = new URLSearchParams(parameters).toString();
  return postRaw(service, path, raw, headers);
}

export function postRaw(
  service: Client,
  path: string,
  raw: Sending['raw'],
  headers: RequestHeaders = {},
): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return service.send('POST', path, { headers: { ...type, ...headers }, ...(raw && { raw }) });
}

/** RFC 6749 §2.3.1: both are encoded as in a form first. */
export function basic({ clientId, clientSecret }: Credentials): { authorization: string } {
  const encoded = [clientId, clientSecret].map((text) =>
    new URLSearchParams({ text }).toString().slice('text='.length),
  );
  return { authorization: `Basic ${Buffer.from(encoded.join(':')).toString('base64')}` };
}

let made = 0;

/** Registers a service client behind the service's back, as the command line would. */
export async function createClient(
  service: TestService,
  options: { id?: string; scope?: string; audience?: string } = {},
): Promise<Credentials> {
  made += 1;
  const clientId = options.id ?? `service-${made}`;
  const clientSecret = randomBytes(32).toString('base64url');
  const values = [
    clientId,
    randomBytes(9).toString('base64url'),
    createHash('sha256').update(clientSecret).digest('hex'),
    JSON.stringify(options.scope?.split(' ') ?? []),
    JSON.stringify(options.audience?.split(',') ?? []),
    service.clock.now(),
  ].map((value) => `'${value}'`);
  await service.database.query(
    `insert into clients (id, registration, secret_hash, scopes, audience, created_at) values (${values.join(', ')})`,
  );
  return { clientId, clientSecret };
}

export interface TokenAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  scope?: string;
  refresh_token?: string;
}

/** A token of a service's own. */
export async function serviceToken(
  service: Client,
  client: Credentials,
  parameters: Record<string, string> = {},
): Promise<TokenAnswer> {
  const form = { grant_type: 'client_credentials', ...parameters };
  const answer = await postForm(service, '/oauth/token', form, basic(client));
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json<TokenAnswer>();
}

export function introspect(service: Client, client: Credentials, token: string): Promise<Answer> {
  return postForm(service, '/oauth/introspect', { token }, basic(client));
}

/** An error as RFC 6749 §5.2 wants it. */
export function expectOAuthError(answer: Answer, status: number, error: string): void {
  expect({ status: answer.status, ...answer.json() }).toEqual({
    status,
    error,
    error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/),
  });
  expect(answer.header('content-type')).toMatch(/^application\/json/);
  expect(answer.header('cache-control')).toBe('no-store');
  expect(answer.header('pragma')).toBe('no-cache');
}
