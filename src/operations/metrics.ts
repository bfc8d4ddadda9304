import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { LatchkeyEvents } from '../events.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { SessionUpkeep } from '../sessions/session-upkeep.js';

/** Milliseconds after which sessions are counted anew, at the earliest. */
const COUNT_LIFE = 10_000;
/** A count reads the whole table: it rests so many times as long as it has taken. */
const COUNT_REST = 20;
/** Milliseconds that an answer waits for a count. */
const COUNT_WAIT = 1_000;

/**
 * Gauges of prom-client whose names end as only those of counters may, so that Prometheus's linter objects. Each
 * is the sum of a gauge that stays, without `_total`.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

const COUNTED_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What Prometheus is told. Each application has a registry of its own. */
@Injectable()
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  /** Of live sessions. */
  #count = NaN;
  #counting: Promise<void> | undefined;
  /** When to count again, by `performance.now()`. */
  #nextCount = 0;

  constructor(
    events: LatchkeyEvents,
    private readonly hasher: PasswordHasher,
    private readonly upkeep: SessionUpkeep,
  ) {
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
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
    const refresh = () => this.#refreshCount();
    const count = () => this.#count;
    new Gauge({
      name: 'latchkey_sessions_live',
      help: 'Live sessions when they were last counted; NaN before that.',
      registers: [this.#registry],
      async collect() {
        await refresh();
        this.set(count());
      },
    });
  }

  /** Counts anew when it is time. A count that takes longer than the answer waits is for a later answer. */
  async #refreshCount(): Promise<void> {
    if (performance.now() >= this.#nextCount) this.#counting ??= this.#countSessions();
    if (this.#counting === undefined) return;
    await Promise.race([this.#counting, sleep(COUNT_WAIT, undefined, { ref: false })]);
  }

  /** Keeps the last count if the database does not answer. */
  async #countSessions(): Promise<void> {
    const began = performance.now();
    let rest = COUNT_LIFE;
    try {
      this.#count = await this.upkeep.count();
      rest = Math.max(COUNT_LIFE, (performance.now() - began) * COUNT_REST);
    } catch {
      // It is tried again after the shortest rest.
    }
    this.#nextCount = performance.now() + rest;
    this.#counting = undefined;
  }
}
