/** For suites that import `expect` from `@jest/globals`: `setupFilesAfterEnv: ['latchkey/testing/jest-globals']`. */
import { expect } from '@jest/globals';
import { type LatchkeyMatchers, latchkeyMatchers } from './matchers.js';

declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T> extends LatchkeyMatchers {}
}

expect.extend(latchkeyMatchers);
