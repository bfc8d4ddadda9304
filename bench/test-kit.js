/**
 * In a process of its own: starts a test Latchkey, signs somebody in; once more, with everything loaded; then
 * a hundred people at once. Prints milliseconds as JSON.
 */
import { createTestLatchkey } from '../dist/testing/index.js';

const PEOPLE = 100;

/** @param {() => Promise<unknown>} work @returns {Promise<number>} milliseconds */
async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function startToToken() {
  const latchkey = await createTestLatchkey();
  await latchkey.signInAs();
  return latchkey;
}

const first = await timed(async () => (await startToToken()).close());
/** @type {number[]} */
const warm = [];
/** @type {number[]} */
const people = [];
for (let round = 0; round < 5; round += 1) {
  const from = performance.now();
  const latchkey = await startToToken();
  warm.push(performance.now() - from);
  people.push(
    await timed(() => Promise.all(Array.from({ length: PEOPLE }, () => latchkey.signInAs()))),
  );
  await latchkey.close();
}
console.log(JSON.stringify({ first, warm, people }));
