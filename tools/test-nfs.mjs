#!/usr/bin/env node
/*
 * npm run test:nfs [-- [--install] [--suite] [VITEST ARGUMENTS…]]
 *
 * The tests on real NFS clients (test/nfs/README.md): looks for what they need, builds, and runs them. The last line
 * is always `N passed, N failed`, with `, N skipped` where some were.
 *
 *   --install   installs what is missing (as root on Debian or Ubuntu; also where CI=true); starts no service
 *   --suite     only the driver's own tests on two clients; without it arguments for vitest choose among the others
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guestKernel } from './guest-kernel.mjs';
import { nfsNeeds, provide } from './needs.mjs';
import { add, countVitest, noCounts, runAndSum } from './summary.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const given = process.argv.slice(2);
const vitestArguments = given.filter((argument) => !['--install', '--suite'].includes(argument));
const chosen = vitestArguments.length > 0 ? ['vitest'] : ['vitest', 'suite'];
const configs = given.includes('--suite') ? ['suite'] : chosen;
const mayInstall = given.includes('--install') || process.env.CI === 'true';

function main(scratch) {
  if (process.arch !== 'x64') throw new Error(`The guests need an x64 machine; this one is ${process.arch}.`);
  const lacking = provide(nfsNeeds, mayInstall);
  if (lacking !== undefined) throw new Error(`${lacking}\nor: npm run test:nfs -- --install`);
  const kernel = guestKernel(join(root, '.cache/guest-kernel'));
  const build = spawnSync(process.execPath, [join(root, 'tools/build.mjs'), '--for-tests'], { stdio: 'inherit' });
  if (build.status !== 0) throw new Error('the build failed');
  const env = { ...process.env, TEST_DIST: join(root, 'dist'), GUEST_KERNEL: kernel };
  return configs.map((config) => run(config, scratch, env)).reduce(add, noCounts());
}

function run(config, scratch, env) {
  const report = join(scratch, `${config}.json`);
  const argv = [
    ...[join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', `test/nfs/${config}.config.ts`],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ...vitestArguments,
  ];
  const { status } = spawnSync(process.execPath, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env });
  return countVitest(report, status ?? 1);
}

runAndSum(main);
