#!/usr/bin/env node
// npm run deps: checks the directions of imports, and that the checker has read every module: one that reads none
// (as with a compiler that it does not know) finds no fault and says so.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folders = ['src', 'migrations'].filter((folder) => existsSync(join(root, folder)));
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const argv = [cruiser, ...folders, '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });

function read() {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`dependency-cruiser printed no report: ${stderr}`);
  }
}

const isSource = (path) => folders.some((folder) => path.startsWith(`${folder}/`)) && path.endsWith('.ts');
const { modules, summary } = read();
const seen = modules.filter(({ source, dependencies }) => isSource(source) && Array.isArray(dependencies));
const written = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => `${folder}/${file}`)
    .filter(isSource),
);
const unseen = written.filter((file) => !seen.some(({ source }) => source === file));
const arrows = seen.reduce((sum, { dependencies }) => sum + dependencies.length, 0);

for (const { rule, from, to } of summary.violations) console.error(`${rule.name}: ${from} → ${to}`);
for (const file of unseen) console.error(`not read: ${file}`);
const failed = summary.violations.length > 0 || unseen.length > 0 || seen.length === 0 || arrows === 0;
console.log(`${seen.length} modules, ${arrows} imports, ${summary.violations.length} in a wrong direction`);
process.exit(failed ? 1 : 0);
