import { Injectable } from '@nestjs/common';
import type { Problem } from '../http/problem.js';
import type { Authentication } from './authentication.js';
import type { SignInContext } from './sign-in-context.js';

/** What a sign-in needs beside the first proof, such as a second factor. */
export interface SignInRequirement {
  /** @returns the problem that says what is missing and how to go on, or undefined if nothing is. */
  check(
    authentication: Authentication,
    context: SignInContext,
  ): Promise<Problem | undefined> | Problem | undefined;
}

/** The requirements of every sign-in, whatever its method. Features register theirs at the start. */
@Injectable()
export class SignInRequirements {
  readonly #requirements: SignInRequirement[] = [];

  /** The order of registration is the order in which they are checked. */
  register(requirement: SignInRequirement): void {
    this.#requirements.push(requirement);
  }

  /** @throws Problem of the first requirement that is not met. */
  async assertMet(authentication: Authentication, context: SignInContext): Promise<void> {
    for (const requirement of this.#requirements) {
      const missing = await requirement.check(authentication, context);
      if (missing !== undefined) throw missing;
    }
  }
}
