import type { LatchkeyClient } from '../client/index.js';
import type { ProblemDetails } from '../contract/problems.js';
import type { TestClientOptions } from './test-client.js';
import type { OutboxMessage, TestControls } from './test-controls.js';

/** Where a dev-server is controlled; both are in what `latchkey dev-server --json` prints. */
export interface DevServerAddress {
  /** `http://127.0.0.1:<port>`. */
  controlUrl: string;
  controlToken: string;
}

/** A dev-server in another process, with the controls of `createTestLatchkey()`. */
export interface DevServer extends TestControls {
  /** Where its service listens. */
  readonly baseUrl: string;
  /** The real `latchkey/client` for it, like a browser of its own. Close it after use. */
  client(options?: TestClientOptions): LatchkeyClient;
}

/** The control port refused, with the sentence that it gave. */
export class ControlError extends Error {
  override readonly name = 'ControlError';

  constructor(
    readonly status: number,
    readonly problem: Partial<ProblemDetails>,
  ) {
    super([problem.detail ?? `The control port answered ${status}`, ...members(problem)].join(' '));
  }

  /** Such as `validation_failed`, as in the service's own errors. */
  get code(): string | undefined {
    return this.problem.code;
  }
}

function members({ errors = [] }: Partial<ProblemDetails>): string[] {
  return errors.map(({ pointer, detail }) => `${pointer} ${detail}.`);
}

/**
 * Connects to the control port of `latchkey dev-server`. It can also be started by hand or by Playwright's
 * `webServer`; nothing has to be closed.
 *
 * @throws ControlError when the token is not right; Error when nobody listens there.
 */
export async function connectDevServer(address: DevServerAddress): Promise<DevServer> {
  const { testClient } = await import('./test-client.js');
  const port = new ControlPort(address);
  const { baseUrl } = await port.call<{ baseUrl: string }>('GET', '/');
  return {
    baseUrl,
    client: (options) => testClient(baseUrl, options),
    ...controlsOver(port),
  };
}

class ControlPort {
  constructor(private readonly address: DevServerAddress) {}

  /** @throws ControlError */
  async call<Answer = void>(method: string, path: string, body?: object): Promise<Answer> {
    const { controlUrl, controlToken } = this.address;
    const answer = await reach(new URL(path, controlUrl), {
      method,
      redirect: 'error',
      headers: {
        authorization: `Bearer ${controlToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const value: unknown = text === '' ? undefined : JSON.parse(text);
    if (!answer.ok) throw new ControlError(answer.status, value as Partial<ProblemDetails>);
    return value as Answer;
  }
}

/** @throws Error that says where nobody answered; `fetch` does not. */
async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new Error(`No dev-server answers at ${url.origin}`, { cause: error });
  }
}

function controlsOver(port: ControlPort): TestControls {
  return {
    signInAs: (who = {}) => port.call('POST', '/sign-in-as', who),
    createUser: (who = {}) => port.call('POST', '/users', who),
    createServiceClient: (wanted = {}) => port.call('POST', '/service-clients', wanted),
    advance: (by) => port.call('POST', '/clock/advance', { by }),
    now: async () => (await port.call<{ now: number }>('GET', '/clock')).now,
    expireAccessToken: () => port.call('POST', '/clock/expire-access-tokens'),
    outbox: async () => (await port.call<{ messages: OutboxMessage[] }>('GET', '/outbox')).messages,
    order: (fault) => port.call('POST', '/faults', fault),
    clearFaults: () => port.call('DELETE', '/faults'),
    rotateSigningKey: () => port.call('POST', '/keys/rotate'),
    spoil: async (accessToken, defect) => {
      const body = { accessToken, defect };
      const answer = await port.call<{ accessToken: string }>('POST', '/tokens/spoil', body);
      return answer.accessToken;
    },
    revoke: (sessionId) => port.call('POST', `/sessions/${encodeURIComponent(sessionId)}/revoke`),
    reset: () => port.call('POST', '/reset'),
  };
}
