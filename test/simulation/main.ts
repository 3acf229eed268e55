import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../support/command-options.ts';
import { mistakes, type Mistake } from './mistakes.ts';
import { World } from './world.ts';

const usage = `Usage: npm run simulate -- [options]

The leases of a lock in virtual time, with faults from a seed; see docs/coordination.md.

  --runs N           as many, each from a seed of its own (10000)
  --seed N           of the first (1)
  --mistake NAME     puts a mistake into the locks, which must be found: any of
                     ${mistakes.join(', ')}
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    mistake: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function simulate(first: number, runs: number, mistake: Mistake | undefined): Promise<void> {
  const sum = { locked: 0, faults: 0, happened: 0 };
  const sinceMs = performance.now();
  for (let seed = first; seed < first + runs; seed += 1) {
    const result = await new World(seed, mistake).run();
    sum.locked += result.locked;
    sum.faults += result.faults;
    sum.happened += result.happened;
    if (result.violations.length === 0) continue;
    for (const { atMs, what } of result.violations) console.log(`seed ${seed}, at ${atMs} ms: ${what}`);
    console.log(`again: npm run simulate -- --runs 1 --seed ${seed}`);
    process.exitCode = 1;
    return;
  }
  const seconds = (performance.now() - sinceMs) / 1000;
  console.log(
    `${runs} runs from seed ${first} in ${seconds.toFixed(0)} s: nothing wrong; ` +
      `${sum.locked} times locks were had, ${sum.faults} faults, ${sum.happened} steps`,
  );
}

const many = { min: 1, max: 999_999_999 };
const { seed, runs, mistake } = values;
if (values.help) console.log(usage);
else
  await simulate(
    wholeNumber('--seed', seed, many),
    wholeNumber('--runs', runs, many),
    mistake === undefined ? undefined : oneOf('--mistake', mistake, mistakes),
  );
