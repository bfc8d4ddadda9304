/** The kit for end-to-end tests: `latchkey/testing`. Nothing of it belongs in production. */
export {
  createTestLatchkey,
  type EnvironmentOptions,
  type TestLatchkey,
  type TestLatchkeyOptions,
} from './create-test-latchkey.js';
export {
  connectDevServer,
  ControlError,
  type DevServer,
  type DevServerAddress,
} from './dev-server-client.js';
export { createTestIssuer, type TestIssuer, type TestIssuerOptions } from './create-test-issuer.js';
export { type Defect, DEFECTS } from './defects.js';
export { type Fault, FaultRefused } from './fault.js';
export { type LatchkeyMatchers, latchkeyMatchers, type RefusalCode } from './matchers.js';
export { MovableClock, RunningClock } from './movable-clock.js';
export type { LatchkeyClient } from '../client/index.js';
export type { TestClientOptions } from './test-client.js';
export type {
  NewTestUser,
  OutboxMessage,
  SignedIn,
  StorageState,
  TestControls,
  TestCookie,
  TestServiceClient,
  TokenResponse,
  Transport,
  UserView,
  UserWithPassword,
  WhoToSignIn,
} from './test-controls.js';
