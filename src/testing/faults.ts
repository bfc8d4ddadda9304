import { clearTimeout, setTimeout } from 'node:timers';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../http/problem.js';
import { sendProblem } from '../operations/raw-errors.js';
import { readDuration } from './duration.js';
import { asFault, type Fault, FaultRefused } from './fault.js';

/** Milliseconds of real time that a race waits for its last request. */
const RACE_WAIT = 10_000;

/** Milliseconds in which clients of this machine notice that a connection was closed. */
const SETTLE = 25;

/** A fault that has been ordered, with what is left of it. */
interface Ordered {
  readonly fault: Fault;
  left: number;
  /** The requests that a race holds. */
  held: ((released: boolean) => void)[];
}

/**
 * What goes wrong on purpose, ordered for one route. Each request takes the oldest fault that is left for
 * its route, and no other. Preflights take none, nor does what is refused at the service's edge (a body
 * that is no JSON, an unknown path).
 */
export class Faults {
  #ordered: Ordered[] = [];
  #instance: FastifyInstance | undefined;
  readonly #losing = new WeakSet<FastifyRequest>();

  /**
   * Connections that are idle close before an answer is to be lost, and none is used twice until it is:
   * browsers send a request once more by themselves when a used connection closes without an answer, and
   * the page would not notice that anything was lost.
   *
   * @throws FaultRefused for a fault that could never happen.
   */
  async order(fault: Fault): Promise<void> {
    const { times = 1 } = asFault(fault);
    const [method = '', url = ''] = fault.route.split(' ');
    if (this.#instance?.hasRoute({ method, url }) === false) {
      throw new FaultRefused('route', 'is none of the service');
    }
    this.#ordered.push({ fault, left: times, held: [] });
    if (fault.kind !== 'lose-answer') return;
    this.#instance?.server.closeIdleConnections();
    await sleep(SETTLE);
  }

  /** Forgets all that is left. What a race holds goes on at once. */
  clear(): void {
    const ordered = this.#ordered;
    this.#ordered = [];
    for (const { held } of ordered) held.forEach((release) => release(true));
  }

  /** Must be called before the instance is ready. */
  install(instance: FastifyInstance, publicUrl: string): void {
    this.#instance = instance;
    instance.addHook('preHandler', async (request, reply) => {
      const ordered = this.#take(request);
      if (ordered !== undefined) await this.#strike(ordered, request, reply, publicUrl);
    });
    instance.addHook('onSend', async (request, reply) => {
      if (this.#losing.has(request)) request.raw.socket.destroy();
      else if (this.#ordered.some(({ fault }) => fault.kind === 'lose-answer')) {
        reply.header('Connection', 'close');
      }
    });
  }

  #take(request: FastifyRequest): Ordered | undefined {
    const route = `${request.method} ${request.routeOptions.url}`;
    const ordered = this.#ordered.find(({ fault }) => fault.route === route);
    if (ordered === undefined) return undefined;
    const filling = ordered.fault.kind === 'race' && ordered.held.length + 1 < ordered.fault.with;
    if (!filling) ordered.left -= 1;
    if (ordered.left === 0) this.#ordered = this.#ordered.filter((one) => one !== ordered);
    return ordered;
  }

  async #strike(
    ordered: Ordered,
    request: FastifyRequest,
    reply: FastifyReply,
    publicUrl: string,
  ): Promise<void> {
    switch (ordered.fault.kind) {
      case 'lose-answer':
        this.#losing.add(request);
        return;
      case 'delay':
        await sleep(readDuration(ordered.fault.duration));
        return;
      case 'unavailable':
        sendProblem(reply, new Problem('storage_unavailable', { detail: ORDERED }), publicUrl);
        return;
      case 'race':
        if (await this.#meet(ordered, ordered.fault.with)) return;
        sendProblem(reply, new Problem('overloaded', { detail: LONELY }), publicUrl);
    }
  }

  /** @returns whether all came, and were released in one turn of the event loop. */
  async #meet(ordered: Ordered, many: number): Promise<boolean> {
    if (ordered.held.length + 1 >= many) {
      ordered.held.splice(0).forEach((release) => release(true));
      return true;
    }
    return new Promise((resolve) => {
      const release = (released: boolean) => {
        clearTimeout(timer);
        ordered.held = ordered.held.filter((other) => other !== release);
        resolve(released);
      };
      const timer = setTimeout(release, RACE_WAIT, false);
      ordered.held.push(release);
    });
  }
}

const ORDERED = 'The test kit was told to answer so.';
const LONELY = 'The test kit was told to hold this request for a race, and too few others came.';
