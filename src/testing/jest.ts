/** `setupFilesAfterEnv: ['latchkey/testing/jest']`: the matchers, on Jest's global `expect`. */
import { type LatchkeyMatchers, latchkeyMatchers } from './matchers.js';

declare global {
  // The name and the parameters are Jest's.
  namespace jest {
    interface Matchers<R, T> extends LatchkeyMatchers {}
  }
}

const expect: unknown = Reflect.get(globalThis, 'expect');
if (typeof expect !== 'function') {
  throw new Error('There is no global expect: call expect.extend(latchkeyMatchers) yourself');
}
const extend: unknown = Reflect.get(expect, 'extend');
if (typeof extend === 'function') Reflect.apply(extend, expect, [latchkeyMatchers]);
