/*
 * Bare password hashing: `node raw-bcrypt.js <cost> <milliseconds>` prints hashes per second with as many
 * lanes as the service has. Nothing that signs people in with bcrypt at this cost can be faster.
 */
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { Meter } from './statistics.js';

const cost = Number(process.argv[2]);
const deadline = performance.now() + Number(process.argv[3]);
const meter = new Meter();

async function lane() {
  while (performance.now() < deadline) {
    await bcrypt.hash('r4nd0m-sixty-four-characters-as-long-as-a-peppered-password-is-ok', cost);
    meter.count();
  }
}

await Promise.all(Array.from({ length: Math.max(1, availableParallelism() - 1) }, lane));
console.log(meter.perSecond());
