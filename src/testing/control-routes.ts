import type { Type } from '@nestjs/common';
import { readStrictBody } from '../http/strict-body.js';
import { memberProblem } from '../http/problem.js';
import {
  AdvanceBody,
  CreateUserBody,
  FaultBody,
  NoBody,
  ServiceClientBody,
  SignInAsBody,
  SpoilBody,
} from './control-bodies.js';
import type { TestControls } from './test-controls.js';
import { asFault, FaultRefused } from './fault.js';

/** One thing that the control port does. */
export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** In the router's syntax: `/sessions/:id/revoke`. */
  readonly path: string;
  /** One sentence for the reference. */
  readonly about: string;
  /** A body, and what is answered, as the reference shows them. */
  readonly example?: string;
  readonly answers: string;
  /** What a success answers with. */
  readonly status: 200 | 201 | 204;
  /**
   * @param body as it was parsed; not judged yet.
   * @throws Problem
   */
  run(controls: TestControls, body: unknown, id: string): Promise<unknown>;
}

type Parts = Omit<ControlRoute, 'method' | 'path' | 'run'>;

/** @param type of the body, which is read strictly. */
function route<Body extends object>(
  method: ControlRoute['method'],
  path: string,
  parts: Parts,
  type: Type<Body>,
  run: (controls: TestControls, body: Body, id: string) => Promise<unknown>,
): ControlRoute {
  const strictly = async (controls: TestControls, body: unknown, id: string) =>
    run(controls, readStrictBody(type, body), id);
  return { method, path, ...parts, run: strictly };
}

const CLOCK = '`{ now, time }`';

/** Everything that the control port does, but for `GET /`, which lists these. */
export const CONTROL_ROUTES: readonly ControlRoute[] = [
  route(
    'POST',
    '/sign-in-as',
    {
      about: 'Signs in somebody new, or the user with `userId`, without a password.',
      example: '{"email":"ada@example.com","roles":["user","admin"],"transport":"cookie"}',
      answers: '`{ user, tokens, headers, cookies, storageState }`',
      status: 201,
    },
    SignInAsBody,
    (controls, { userId, transport, ...who }) =>
      controls.signInAs({
        ...(userId === undefined ? who : { userId }),
        ...(transport === undefined ? {} : { transport }),
      }),
  ),
  route(
    'POST',
    '/users',
    {
      about: 'Makes a user with a password, who is not signed in.',
      example: '{"email":"ada@example.com","password":"a fair wind and a steady hand"}',
      answers: 'the user, and `password`',
      status: 201,
    },
    CreateUserBody,
    (controls, body) => controls.createUser(body),
  ),
  route(
    'POST',
    '/service-clients',
    {
      about: 'Registers a service client, for client credentials and introspection.',
      example: '{"id":"orders","scope":"stock:read","audience":["stock"]}',
      answers: '`{ clientId, clientSecret }`',
      status: 201,
    },
    ServiceClientBody,
    (controls, body) => controls.createServiceClient(body),
  ),
  route(
    'GET',
    '/clock',
    { about: 'The time of the service.', answers: CLOCK, status: 200 },
    NoBody,
    clock,
  ),
  route(
    'POST',
    '/clock/advance',
    {
      about: 'Moves the clock forward: milliseconds, or `300ms`, `30s`, `11m`, `12h`, `30d`.',
      example: '{"by":"11m"}',
      answers: CLOCK,
      status: 200,
    },
    AdvanceBody,
    async (controls, { by }) => {
      await controls.advance(by);
      return clock(controls);
    },
  ),
  route(
    'POST',
    '/clock/expire-access-tokens',
    {
      about: 'Moves the clock just past the end of every access token that was issued so far.',
      answers: CLOCK,
      status: 200,
    },
    NoBody,
    async (controls) => {
      await controls.expireAccessToken();
      return clock(controls);
    },
  ),
  route(
    'GET',
    '/outbox',
    {
      about: 'The messages and one-time codes that the service has sent.',
      answers: '`{ messages }`',
      status: 200,
    },
    NoBody,
    async (controls) => ({ messages: await controls.outbox() }),
  ),
  route(
    'POST',
    '/faults',
    {
      about: 'Orders a fault for the next requests of a route of the service.',
      example: '{"route":"POST /auth/refresh","kind":"lose-answer"}',
      answers: '',
      status: 204,
    },
    FaultBody,
    async (controls, body) => inBody(() => controls.order(asFault(body))),
  ),
  route(
    'DELETE',
    '/faults',
    { about: 'Forgets the faults that are left.', answers: '', status: 204 },
    NoBody,
    (controls) => controls.clearFaults(),
  ),
  route(
    'POST',
    '/keys/rotate',
    { about: 'Signs with a new key from now on.', answers: '', status: 204 },
    NoBody,
    (controls) => controls.rotateSigningKey(),
  ),
  route(
    'POST',
    '/tokens/spoil',
    {
      about: 'Makes of a good access token one that must be refused: `expired`, `wrongKey`, …',
      example: '{"accessToken":"eyJ…","defect":"expired"}',
      answers: '`{ accessToken }`',
      status: 200,
    },
    SpoilBody,
    async (controls, { accessToken, defect }) => ({
      accessToken: await controls.spoil(accessToken, defect),
    }),
  ),
  route(
    'POST',
    '/sessions/:id/revoke',
    { about: 'Ends a session (`sessionId`, the claim `sid`).', answers: '', status: 204 },
    NoBody,
    (controls, _body, id) => controls.revoke(id),
  ),
  route(
    'POST',
    '/reset',
    {
      about: 'Deletes all users, sessions and messages, and forgets the faults.',
      answers: '',
      status: 204,
    },
    NoBody,
    (controls) => controls.reset(),
  ),
];

async function clock(controls: TestControls): Promise<{ now: number; time: string }> {
  const now = await controls.now();
  return { now, time: new Date(now).toISOString() };
}

/** A fault that can't be is the fault of the body. */
async function inBody<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FaultRefused) throw memberProblem(`/${error.member}`, error.detail);
    throw error;
  }
}
