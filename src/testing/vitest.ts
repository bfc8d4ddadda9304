/** `setupFiles: ['latchkey/testing/vitest']`: the matchers, on Vitest's `expect`. */
import { expect } from 'vitest';
import { type LatchkeyMatchers, latchkeyMatchers } from './matchers.js';

declare module 'vitest' {
  interface Matchers<T> extends LatchkeyMatchers {}
}

expect.extend(latchkeyMatchers);
