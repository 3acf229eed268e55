#!/usr/bin/env node
// The unit tests on the Node that runs this, with the same last line as `npm test`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countVitest, summaryLine } from './summary.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), 'cinder-volume-aa-unit-'));
const report = join(scratch, 'report.json');
console.log(`node ${process.version}`);
const argv = ['run', 'test/unit', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...argv], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
const counts = countVitest(report, status ?? 1);
rmSync(scratch, { recursive: true, force: true });
process.exitCode = counts.failed === 0 ? 0 : 1;
console.log(summaryLine(counts));
