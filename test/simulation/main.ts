import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../support/command-options.ts';
import { mistakes, type Mistake } from './mistakes.ts';
import { World } from './world.ts';

/* npm run simulate -- [--runs N] [--seed S] [--mistake "…"]: see docs/coordination.md. */

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    mistake: { type: 'string' },
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
await simulate(
  wholeNumber('--seed', seed, many),
  wholeNumber('--runs', runs, many),
  mistake === undefined ? undefined : oneOf('--mistake', mistake, mistakes),
);
