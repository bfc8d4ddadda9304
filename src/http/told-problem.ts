import type { ProblemCode } from '../contract/problems.js';

const told = new WeakMap<object, ProblemCode>();

/** Remembers what a request was told, for its line in the log. @param request Node's, Express's or Fastify's. */
export function noteProblem(request: object, code: ProblemCode): void {
  told.set(nodesOwn(request), code);
}

/** @returns the code of the problem that the request was answered with, if it was. */
export function problemOf(request: object): ProblemCode | undefined {
  return told.get(nodesOwn(request));
}

function nodesOwn(request: object): object {
  const raw: unknown = Reflect.get(request, 'raw');
  return typeof raw === 'object' && raw !== null ? raw : request;
}
