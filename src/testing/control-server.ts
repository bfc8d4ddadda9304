import { randomBytes } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';
import type { LatchkeyConfig } from '../config.js';
import { asProblem } from '../http/known-errors.js';
import { installEdge } from '../operations/edge.js';
import { edgeOptions } from '../operations/edge-options.js';
import { sendProblem } from '../operations/raw-errors.js';
import { ControlGuard } from './control-guard.js';
import { CONTROL_ROUTES } from './control-routes.js';
import type { TestControls } from './test-controls.js';

/** The control port, open. */
export interface ControlServer {
  /** `http://127.0.0.1:<port>`: it listens nowhere else. */
  readonly controlUrl: string;
  readonly controlToken: string;
  close(): Promise<void>;
}

export interface ControlOptions {
  /** 0: a free one. */
  port: number;
  /** 16 characters or more. Default: 256 random bits. */
  token?: string | undefined;
}

/** What is controlled: the kit in this process, and where its service listens. */
export type Controlled = TestControls & { readonly baseUrl: string };

/**
 * Opens a port of this machine over which other processes order the kit about (`docs/testing.md`). The
 * same strictness as the service: one `Host`, JSON only, no unknown member, problem documents.
 *
 * @param config of the service. That it lets pages call (`CORS_ORIGINS`) does not count here.
 */
export async function startControlServer(
  controlled: Controlled,
  config: LatchkeyConfig,
  { port, token = randomBytes(32).toString('base64url') }: ControlOptions,
): Promise<ControlServer> {
  const instance = fastify({ ...edgeOptions(config), forceCloseConnections: true });
  const guard = new ControlGuard(token);
  instance.addHook('onRequest', (request, reply, done) => {
    const problem = guard.refusal(request.raw.headers);
    if (problem === undefined) done();
    else sendProblem(reply, problem, config.publicUrl);
  });
  installEdge(instance, config);
  instance.setErrorHandler((error, _request, reply) => {
    sendProblem(reply, asProblem(error), config.publicUrl);
  });
  void instance.register(async (inner) => addRoutes(inner, controlled));
  const controlUrl = await instance.listen({ port, host: '127.0.0.1' });
  return { controlUrl, controlToken: token, close: () => instance.close() };
}

function addRoutes(instance: FastifyInstance, controlled: Controlled): void {
  instance.get('/', () => ({ baseUrl: controlled.baseUrl, routes: LISTED }));
  for (const { method, path, status, run } of CONTROL_ROUTES) {
    instance.route<{ Params: { id?: string } }>({
      method,
      url: path,
      handler: async (request, reply) => {
        const answer = await run(controlled, request.body, request.params.id ?? '');
        return status === 204 ? reply.code(204).send() : reply.code(status).send(answer);
      },
    });
  }
}

const LISTED = CONTROL_ROUTES.map(({ method, path, about }) => ({
  route: `${method} ${path}`,
  about,
}));
