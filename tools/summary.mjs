// Counts what test runners and checks said, and prints the line that machines read.
import { readFileSync } from 'node:fs';

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
 * @returns {Counts}
 */
export function countVitest(jsonFile, status) {
  let counts = { ...noCounts(), failed: 1 };
  try {
    counts = countReport(JSON.parse(readFileSync(jsonFile, 'utf8')));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

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

/** @param {Counts} counts */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
