import { ensureBuilt } from '../../scripts/build.js';
import { PostgresCluster } from './postgres-cluster.js';

/** Once for all suites: a build for those that run real processes, and one PostgreSQL server. */
export default async function setUp() {
  ensureBuilt();
  // A run inside a run uses the server of the outer one.
  if (process.env.LATCHKEY_TEST_POSTGRES !== undefined) return;
  const cluster = await PostgresCluster.create();
  globalThis.latchkeyCluster = cluster;
  process.env.LATCHKEY_TEST_POSTGRES = cluster.url();
}
