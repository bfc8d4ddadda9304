import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { type ProblemCode, PROBLEMS } from '../contract/problems.js';
import { PROBLEM_TYPE } from './problem-document.js';

/** Where the OpenAPI document keeps the schema of errors. */
export const PROBLEM_SCHEMA = '#/components/schemas/Problem';

/** Says in the OpenAPI document which errors a route answers with, by their codes. */
export function ApiProblems(...codes: readonly ProblemCode[]): MethodDecorator & ClassDecorator {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses = [...byStatus].map(([status, names]) =>
    ApiResponse({
      status,
      description: names.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n'),
      content: { [PROBLEM_TYPE]: { schema: { $ref: PROBLEM_SCHEMA } } },
    }),
  );
  return applyDecorators(...responses);
}
