#!/usr/bin/env node
// npm run pack:check: the package holds what it needs to run and nothing else.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const required = [
  'bin/cinder-volume-aa',
  'dist/src/main.js',
  'dist/src/share-helper-entry.js',
  'dist/src/lock-worker.js',
  'etc/cinder.conf.sample',
  'package.json',
  'LICENSE',
  'NOTICE',
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
];
const allowed = /^(bin|dist\/src|etc|docs)\/|^(package\.json|LICENSE|NOTICE|README\.md|CHANGELOG\.md|SECURITY\.md)$/;
const forbidden = /(^|\/)(test|tests|bench|node_modules|\.cache)\/|\.test\.|(?<!\.d)\.ts$/;

const { stdout, stderr, status } = spawnSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8' });
if (status !== 0) {
  console.error(stderr);
  process.exit(1);
}
// The build that `prepack` runs may print lines before the JSON.
const printed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
const [{ files }] = Array.isArray(printed) ? printed : Object.values(printed);
const paths = files.map(({ path }) => path);
const faults = [
  ...required.filter((path) => !paths.includes(path)).map((path) => `missing: ${path}`),
  ...paths.filter((path) => !allowed.test(path) || forbidden.test(path)).map((path) => `does not belong: ${path}`),
  ...files
    .filter(({ path, mode }) => path.startsWith('bin/') && (mode & 0o111) !== 0o111)
    .map(({ path }) => `not executable: ${path}`),
];
for (const fault of faults) console.error(fault);
console.log(`${paths.length} files in the package, ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
