// Counts what test runners and checks said, and prints the line that machines read.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @returns {Counts} */
export const noCounts = () => ({ passed: 0, failed: 0, skipped: 0 });

/** @param {Counts} a @param {Counts} b @returns {Counts} */
export const add = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/**
 * The counts of a vitest run. A file that could not be loaded and a run that ended badly without a failed test (an
 * unhandled rejection, a crash, no tests at all) count as one failure each: nothing that went wrong adds up to zero.
 *
 * @param {string} jsonFile what vitest's JSON reporter wrote
 * @param {number} status vitest's exit status
 * @param {(line: string) => void} say is told of each failure
 * @returns {Counts}
 */
export function countVitest(jsonFile, status, say = console.log) {
  let counts = { ...noCounts(), failed: 1 };
  try {
    const report = JSON.parse(readFileSync(jsonFile, 'utf8'));
    counts = countReport(report);
    for (const line of failuresIn(report)) say(line);
  } catch (error) {
    say(`not ok vitest left no report: ${error.message}`);
  }
  if (status !== 0 && counts.failed === 0) {
    counts.failed = 1;
    say(`not ok vitest ended with status ${status}, and no test of its report failed`);
  }
  return counts;
}

/**
 * A line for each failure, to be read where only the end of a run's output was kept.
 *
 * @param {object} report of vitest's JSON reporter
 * @returns {string[]} `not ok FILE > TEST: MESSAGE`
 */
export function failuresIn(report) {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [`not ok ${name}: ${brief(message)}`];
    return failed.map((test) => `not ok ${name} > ${test.fullName}: ${brief(test.failureMessages?.join(' '))}`);
  });
}

const brief = (message = '') => stripVTControlCharacters(message).replaceAll(/\s+/g, ' ').slice(0, 600);

function countReport(report) {
  const unloadable = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * A runner's whole course: what it counts, with a folder that is gone afterwards, is its last line and its exit code.
 *
 * @param {(scratch: string) => Counts} main
 */
export function runAndSum(main) {
  const scratch = mkdtempSync(join(tmpdir(), 'cinder-volume-aa-run-'));
  let counts = { ...noCounts(), failed: 1 };
  try {
    counts = main(scratch);
  } catch (error) {
    console.error(error.message);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  process.exitCode = counts.failed === 0 ? 0 : 1;
  console.log(summaryLine(counts));
}

/** @param {Counts} counts */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
