#!/usr/bin/env node
/*
 * npm test [-- [--install] [--skip-missing] [VITEST ARGUMENTS…]]
 *
 * Looks for the programs that the tests start, builds, runs every test, and once more those that are marked for a user
 * that is not root. The last line is always `N passed, N failed`, with `, N skipped` where some were.
 *
 *   --install        installs what is missing (as root on Debian or Ubuntu; also where CI=true); starts no service
 *   --skip-missing   goes on without: tests that need what is missing are skipped
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasFiles, readableByUser, runAsUser, userPasses } from './as-user.mjs';
import { hasLibraries, installLibraries } from './libraries.mjs';
import { needs, provide } from './needs.mjs';
import { add, countVitest, noCounts, runAndSum } from './summary.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ownFlags = ['--install', '--skip-missing'];
const given = process.argv.slice(2);
const wants = (flag) => given.includes(flag);
const vitestArguments = given.filter((argument) => !ownFlags.includes(argument));

function fail(message) {
  throw new Error(message);
}

const mayInstall = wants('--install') || process.env.CI === 'true';

function provideLibraries() {
  if (hasLibraries(root)) return;
  if (!mayInstall) fail('The npm packages are missing. Run: npm ci\nor: npm test -- --install');
  installLibraries(root);
}

/** Returns the variables that tell the tests what to leave out. */
function provideServers() {
  const lacking = provide(needs, mayInstall);
  if (lacking === undefined) return {};
  if (wants('--skip-missing')) return { SKIP_MISSING: '1' };
  return fail(`${lacking}\nor: npm test -- --install\nor without them: npm test -- --skip-missing`);
}

function build() {
  const argv = [join(root, 'tools/build.mjs'), '--for-tests'];
  const { status } = spawnSync(process.execPath, argv, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail('the build failed');
}

const vitest = (at, report, ...more) => [
  at.node,
  join(at.root, 'node_modules/vitest/vitest.mjs'),
  'run',
  ...more,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
];

function runEverything(scratch, env) {
  const report = join(scratch, 'report.json');
  const [node, ...args] = vitest({ root, node: process.execPath }, report, ...vitestArguments);
  const { status } = spawnSync(node, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  return countVitest(report, status ?? 1);
}

function runMarkedAsUser({ mark, capabilities }, at, env) {
  console.log(`\nas a user that is not root: *.${mark}.test.ts`);
  return runAsUser(at.root, { capabilities, env }, (folder, run) => {
    const report = join(folder, 'report.json');
    const status = run(vitest(at, report, `.${mark}.test.ts`, '--configLoader=runner', '--no-cache'));
    return countVitest(report, status);
  });
}

function runAsOthers(env) {
  const passes = userPasses.filter(({ mark }) => hasFiles(root, mark));
  if (process.getuid() !== 0 || passes.length === 0 || vitestArguments.length > 0) return noCounts();
  return readableByUser(root, (at) =>
    passes
      .map((pass) => runMarkedAsUser(pass, at, { ...env, TEST_DIST: join(at.root, 'dist') }))
      .reduce(add, noCounts()),
  );
}

function main(scratch) {
  provideLibraries();
  const env = provideServers();
  build();
  return add(runEverything(scratch, { ...env, TEST_DIST: join(root, 'dist') }), runAsOthers(env));
}

runAndSum(main);
