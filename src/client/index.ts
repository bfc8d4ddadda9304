/**
 * `latchkey/client`: a session with Latchkey in a page of a browser, which survives lost answers, other
 * tabs, sleep and wrong clocks. No dependencies; also served by the service itself at `/client.js`.
 */
export { createClient } from './client.js';
export { LatchkeyError } from './latchkey-error.js';
export type {
  Change,
  ClientOptions,
  Credentials,
  LatchkeyClient,
  Registration,
  SessionView,
  TokenStorage,
  User,
} from './options.js';
