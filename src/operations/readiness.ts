import { setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SigningKeys } from '../keys/signing-keys.js';
import { Shutdown } from './shutdown.js';

/** Milliseconds. Together well under the 5 s after which readiness must have gone. */
const PING_PATIENCE = 2_000;
const ANSWER_LIFE = 1_000;

/** Whether requests should be sent here. */
@Injectable()
export class Readiness {
  #ping: Promise<boolean> | undefined;

  constructor(
    private readonly database: Database,
    private readonly shutdown: Shutdown,
    private readonly keys: SigningKeys,
  ) {}

  /** @returns why not; empty when ready. */
  async obstacles(): Promise<string[]> {
    if (this.shutdown.begun) return ['shutting down'];
    this.#ping ??= this.#startPing();
    if (!(await this.#ping)) return ['the database cannot be reached'];
    return this.keys.canSign() ? [] : ['LATCHKEY_SECRET opens no key to sign with'];
  }

  /** Many callers share one question to the database, and its answer for a second. */
  #startPing(): Promise<boolean> {
    const ping = this.#pingInTime();
    void ping.then(() => {
      setTimeout(() => (this.#ping = undefined), ANSWER_LIFE).unref();
    });
    return ping;
  }

  async #pingInTime(): Promise<boolean> {
    const given = new AbortController();
    try {
      return await Promise.race([
        this.database.ping().then(
          () => true,
          () => false,
        ),
        sleep(PING_PATIENCE, false, { signal: given.signal, ref: false }),
      ]);
    } finally {
      given.abort();
    }
  }
}
