import type { VerifierSettings } from './verifier-options.js';
import { readBytes } from './read-bytes.js';
import { startTimer } from './timers.js';
import { type IssuerDocument, type IssuerRequest, tell } from './verifier-hooks.js';

/** The issuer did not answer as it should. The message names the document and the status. */
export class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable';
}

/** The issuer can't be asked as the options have it. The message says which is wrong. */
export class VerifierMisconfigured extends IssuerUnreachable {}

/** An answer with another status than 200. */
export class UnexpectedStatus extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

export interface IssuerAnswer {
  text: string;
  bytes: number;
  etag: string | undefined;
}

export interface Asking {
  accept: string;
  /** Of what we have; answers 304 to it are `undefined`. */
  etag?: string | undefined;
  /** Posted as a form. */
  form?: Readonly<Record<string, string>>;
  /** The whole `Authorization` header. */
  authorization?: string;
  /** Throws for an answer that makes no sense, which is then a failure. */
  check?: (text: string) => void;
}

/** Bytes of the longest answer that is read. */
const LONGEST = 1024 * 1024;

/**
 * Asks the issuer, in a stated time, without following redirects. Judges neither form nor content of
 * the answer beyond its status and size, but for `check`.
 */
export class IssuerClient {
  /** What is under way. */
  readonly #running = new Set<AbortController>();
  #closed = false;

  constructor(private readonly settings: VerifierSettings) {}

  /**
   * @returns undefined for 304.
   * @throws IssuerUnreachable
   */
  async ask(
    document: IssuerDocument,
    url: string,
    asking: Asking,
  ): Promise<IssuerAnswer | undefined> {
    const started = performance.now();
    const report = (outcome: IssuerRequest['outcome'], bytes: number, error?: unknown) => {
      const seconds = (performance.now() - started) / 1000;
      tell(this.settings.hooks.requested, {
        ...{ document, outcome, seconds, bytes },
        ...(error === undefined ? {} : { error }),
      });
    };
    try {
      const answer = await this.#inTime((signal) =>
        this.#send(this.#reachable(url), asking, signal),
      );
      if (answer !== undefined) asking.check?.(answer.text);
      report(answer === undefined ? 'unchanged' : 'ok', answer?.bytes ?? 0);
      return answer;
    } catch (error) {
      report('failed', 0, error);
      if (error instanceof IssuerUnreachable) throw error;
      throw new IssuerUnreachable(`The issuer did not give its ${document}`, { cause: error });
    }
  }

  /** Breaks off what is under way; nothing can be asked after that. */
  close(): void {
    this.#closed = true;
    for (const one of this.#running) one.abort(new Error('the verifier was closed'));
  }

  /** What the issuer names under its own name is reached under `address`. */
  #reachable(url: string): string {
    const { issuer, address } = this.settings;
    return url.startsWith(`${issuer}/`) ? address + url.slice(issuer.length) : url;
  }

  /** Not `AbortSignal.any`: on a signal as old as the process it would pile up listeners. */
  async #inTime<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new Error('the verifier is closed');
    const controller = new AbortController();
    const late = () => controller.abort(new Error('no answer in time'));
    const stopTimer = startTimer(this.settings.timeout * 1000, late);
    this.#running.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      stopTimer();
      this.#running.delete(controller);
    }
  }

  async #send(url: string, asking: Asking, signal: AbortSignal): Promise<IssuerAnswer | undefined> {
    const { form } = asking;
    // Not as a method: some runtimes refuse a `fetch` with a `this` of ours.
    const { fetch } = this.settings;
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: headersOf(asking),
      // `error` is unknown on some edge runtimes. What is redirected is no 200, so it is refused.
      redirect: 'manual',
      signal,
      ...(form === undefined ? {} : { body: new URLSearchParams(form).toString() }),
    });
    if (response.status === 304 && asking.etag !== undefined) return undefined;
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new UnexpectedStatus(response.status);
    }
    const read = await readText(response);
    return { ...read, etag: response.headers.get('etag') ?? undefined };
  }
}

function headersOf({ accept, etag, form, authorization }: Asking): Record<string, string> {
  return {
    accept,
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

async function readText({ body }: Response): Promise<{ text: string; bytes: number }> {
  const bytes = body === null ? new Uint8Array() : await readBytes(body, LONGEST);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return { text, bytes: bytes.byteLength };
}
