import { describe, expect, it } from 'vitest';
import { mistakes } from './mistakes.ts';
import { World, type RunResult } from './world.ts';

/** The seeds of every test run; `npm run simulate` takes others. */
const runs = 250;
/** A mistake must show in one of so many. */
const runsForMistake = 400;

describe('members that share locks, in a simulation', { timeout: 120_000 }, () => {
  it('never act together, never lose the order of tokens, and leave nothing behind', async () => {
    const results: RunResult[] = [];
    for (let seed = 1; seed <= runs; seed += 1) results.push(await new World(seed).run());
    expect(results.filter(({ violations }) => violations.length > 0)).toEqual([]);
    expect(results.reduce((sum, { locked }) => sum + locked, 0)).toBeGreaterThan(10 * runs);
    expect(results.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(4 * runs);
  });

  it('are replaced before the end when all were killed shortly before it', async () => {
    expect((await new World(1551).run()).violations).toEqual([]);
  });

  it('do the same again for the same seed', async () => {
    expect(await new World(7).run()).toEqual(await new World(7).run());
  });

  it.each(mistakes)('are found out when %s', async (mistake) => {
    for (let seed = 1; seed <= runsForMistake; seed += 1) {
      const { violations } = await new World(seed, mistake).run();
      if (violations.length > 0) return;
    }
    expect.unreachable('no run has found it');
  });
});
