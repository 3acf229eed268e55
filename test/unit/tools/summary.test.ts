import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withTempDir } from '../../support/temp-dir.ts';
import { add, countVitest, failuresIn, noCounts, summaryLine, type Counts } from '../../../tools/summary.mjs';

let said: string[] = [];
const count = (report: unknown, status: number): Promise<Counts> =>
  withTempDir((dir) => {
    const file = join(dir, 'report.json');
    if (report !== undefined) writeFileSync(file, JSON.stringify(report));
    said = [];
    return Promise.resolve(countVitest(file, status, (line) => said.push(line)));
  });

const report = (more: object) => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...more,
});

describe('countVitest', () => {
  it('counts tests', async () => {
    expect(await count(report({ numPendingTests: 1, numTodoTests: 1 }), 0)).toEqual({
      passed: 3,
      failed: 0,
      skipped: 2,
    });
  });

  it('counts a file that did not load as a failure', async () => {
    const testResults = [{ status: 'failed', assertionResults: [] }];
    expect(await count(report({ testResults }), 1)).toMatchObject({ failed: 1 });
  });

  it('counts a failed test once, not its file as well', async () => {
    const testResults = [{ status: 'failed', assertionResults: [{ status: 'failed' }] }];
    expect(await count(report({ numFailedTests: 1, testResults }), 1)).toMatchObject({ failed: 1 });
  });

  it('never calls a run good that ended badly', async () => {
    expect(await count(report({}), 1)).toMatchObject({ failed: 1 });
    expect(said).toEqual(['not ok vitest ended with status 1, and no test of its report failed']);
    expect(await count(undefined, 137)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(said).toEqual([expect.stringContaining('not ok vitest left no report')]);
    expect(await count(undefined, 0)).toMatchObject({ failed: 1 });
  });
});

it('names what failed, and why, in one line each', () => {
  const passed = { status: 'passed', fullName: 'b' };
  const failed = { status: 'failed', fullName: 'takes a lock', failureMessages: ['\u001b[31mexpected 1\nto be 2'] };
  const testResults = [
    { name: 'a.test.ts', status: 'failed', message: '', assertionResults: [passed, failed] },
    { name: 'c.test.ts', status: 'failed', message: 'does not load', assertionResults: [] },
    { name: 'd.test.ts', status: 'passed', message: '', assertionResults: [passed] },
  ];
  expect(failuresIn(report({ testResults }))).toEqual([
    'not ok a.test.ts > takes a lock: expected 1 to be 2',
    'not ok c.test.ts: does not load',
  ]);
});

it('prints one line', () => {
  expect(summaryLine(add(noCounts(), { passed: 2, failed: 0, skipped: 0 }))).toBe('2 passed, 0 failed');
  expect(summaryLine({ passed: 2, failed: 1, skipped: 4 })).toBe('2 passed, 1 failed, 4 skipped');
});
