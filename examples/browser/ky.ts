import ky, { type KyInstance } from 'ky';
import type { LatchkeyClient } from 'latchkey/client';

/**
 * A ky that goes through the client: it adds the access token where it belongs, and renews it once if it
 * is refused. An API of another origin must be among the client's `origins`.
 */
export function kyWithSession(client: LatchkeyClient, api: string): KyInstance {
  return ky.create({ prefixUrl: api, fetch: client.fetch });
}
