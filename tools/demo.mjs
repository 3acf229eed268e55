#!/usr/bin/env node
/*
 * npm run demo [-- OPTIONS…]
 *
 * Installs and builds what a fresh clone lacks, then runs `cinder-volume-aa demo` with the given options
 * (`npm run demo -- --help` lists them). Its exit code is the command's: 0 if nothing was lost, stuck or left over.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasLibraries, installLibraries } from './libraries.mjs';
import { cannotInstall, install, missing, packagesOf } from './needs.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function provideLibraries() {
  if (hasLibraries(root)) return;
  console.error('installing the npm packages');
  installLibraries(root);
}

/** Without qemu-img the demo goes on and says what it leaves out. */
function provideImageTools() {
  const lacking = missing().filter(({ what }) => what === 'qemu-img');
  if (lacking.length === 0) return;
  const why = cannotInstall();
  if (why !== undefined) return console.error(`qemu-img is missing and is not installed: ${why}`);
  console.error(`installing ${packagesOf(lacking).join(' ')}`);
  try {
    install(packagesOf(lacking));
  } catch (error) {
    console.error(`qemu-img is still missing: ${error.message}`);
  }
}

function buildIfStale() {
  const built = join(root, 'dist/src/main.js');
  const sources = ['src', 'migrations', 'package-lock.json', 'tools/build.mjs'];
  const newest = Math.max(...sources.map((name) => newestIn(join(root, name))));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  console.error('building');
  const { status } = spawnSync(process.execPath, [join(root, 'tools/build.mjs')], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('the build failed');
}

/** The time of the last change to a file, or to anything in a folder. */
function newestIn(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

/** A terminal's ^C reaches the command by itself; it stops in order, and we wait for its exit code. */
function demo() {
  const child = spawn(process.execPath, [join(root, 'bin/cinder-volume-aa'), 'demo', ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}

try {
  provideLibraries();
  provideImageTools();
  buildIfStale();
  process.exitCode = await demo();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
