import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { LatchkeyEvents } from '../events.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { Sessions } from '../sessions/sessions.js';

/** Milliseconds for which a count of sessions is good enough: it reads the whole table. */
const COUNT_LIFE = 10_000;

const COUNTED_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What Prometheus is told. Each application has a registry of its own. */
@Injectable()
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  #countedAt = -Infinity;

  constructor(
    events: LatchkeyEvents,
    private readonly hasher: PasswordHasher,
    private readonly sessions: Sessions,
  ) {
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'latchkey_http_request_duration_seconds',
      help: 'Time from a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [this.#registry],
    });
    this.#countEvents(events);
    this.#gaugeHashing();
    this.#gaugeSessions();
  }

  /** @param route the route's pattern, so that there are few; undefined if none matched. */
  observeRequest(method: string, route: string | undefined, status: number, seconds: number): void {
    this.#requests.observe(
      {
        method: COUNTED_METHODS.has(method) ? method : 'other',
        route: route ?? 'none',
        status: String(status),
      },
      seconds,
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #countEvents(events: LatchkeyEvents): void {
    const registrations = this.#counter('registrations', 'Accounts that users made.', []);
    const signIns = this.#counter('sign_ins', 'Attempts to sign in.', ['result']);
    const renewals = this.#counter('renewals', 'Renewals of sessions.', ['outcome']);
    const reuses = this.#counter('token_reuses', 'Refresh tokens used after their time.', []);
    const ended = this.#counter('sessions_ended', 'Sessions that were ended.', ['reason']);
    events.on('registration', () => registrations.inc());
    events.on('signIn', ({ result }) => signIns.inc({ result }));
    events.on('renewal', ({ outcome }) => renewals.inc({ outcome }));
    events.on('tokenReuse', () => reuses.inc());
    events.on('sessionsEnded', ({ reason, count }) => ended.inc({ reason }, count));
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    const registers = [this.#registry];
    return new Counter({ name: `latchkey_${name}_total`, help, labelNames, registers });
  }

  #gaugeHashing(): void {
    const { hasher } = this;
    new Gauge({
      name: 'latchkey_password_hashing',
      help: 'Password hashings that run or wait.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        const { running, waiting } = hasher.stats();
        this.set({ state: 'running' }, running);
        this.set({ state: 'waiting' }, waiting);
      },
    });
  }

  #gaugeSessions(): void {
    const fresh = () => this.#freshCount();
    new Gauge({
      name: 'latchkey_sessions_live',
      help: 'Live sessions, at most 10 s ago.',
      registers: [this.#registry],
      async collect() {
        const count = await fresh();
        if (count !== undefined) this.set(count);
      },
    });
  }

  /** @returns undefined if the last count is good enough, or if the database does not answer. */
  async #freshCount(): Promise<number | undefined> {
    if (performance.now() - this.#countedAt < COUNT_LIFE) return undefined;
    this.#countedAt = performance.now();
    return this.sessions.count().catch(() => undefined);
  }
}
